// npm run check: what is to be true before anything is committed: format, lint, types, pure specs.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './bootstrap.mjs'

const bin = (name) => join(root, 'node_modules/.bin', name)
const steps = [
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  ['types', process.execPath, [join(root, 'scripts/build.mjs')]],
  ['lint', bin('eslint'), ['.']],
  ['pure specs', process.execPath, [join(root, 'scripts/test.mjs'), '--no-build', '--pure']],
]
for (const [name, command, args] of steps) {
  console.log(`— ${name}`)
  if (spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status !== 0) {
    console.error(`${name} failed`)
    process.exit(1)
  }
}
