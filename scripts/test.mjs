// npm test: installs and builds when needed, starts one PostgreSQL, one RabbitMQ and one event store node for the run, and runs
// every spec: pure ones first, then those on real servers, then end to end.
//
//   npm test                                  everything
//   npm test -- --pure                        pure specs alone, no servers
//   npm test -- --spec packages/messaging     specs whose path contains this; may be repeated
//   npm test -- --grep "a held journey"       specs whose title matches
//   npm test -- --no-build                    with what is installed and compiled already
//
// The last line is "N passed, N failed, N skipped".
import { fork } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { build, checkNode, install, needsInstall, root, rooms, Trouble } from './bootstrap.mjs'

const kinds = [
  { name: 'pure', suffix: '.spec.js', timeout: 20_000 },
  { name: 'integration', suffix: '.int.spec.js', timeout: 60_000 },
  { name: 'end to end', suffix: '.e2e.spec.js', timeout: 300_000 },
]

const kindOf = (file) => kinds.findLast(({ suffix }) => file.endsWith(suffix))

const options = () => {
  const { values } = parseArgs({
    options: {
      pure: { type: 'boolean', default: false },
      spec: { type: 'string', multiple: true, default: [] },
      grep: { type: 'string' },
      build: { type: 'boolean', default: true },
    },
    allowNegative: true,
  })
  return values
}

/** Every compiled spec, by the path of its source. */
const findSpecs = () =>
  rooms()
    .flatMap((room) => {
      const dist = join(room, 'dist')
      return existsSync(dist) ? readdirSync(dist, { recursive: true }).map((file) => join(dist, file)) : []
    })
    .filter((file) => file.endsWith('.spec.js'))
    .sort()

const isAsked = (file, wanted) => {
  const compiled = relative(root, file)
  const source = compiled.replace('/dist/', '/src/').replace(/\.js$/, '.ts')
  return wanted.length === 0 || wanted.some((part) => source.includes(part) || compiled.includes(part))
}

const counts = { passed: 0, failed: 0, skipped: 0 }
const interrupt = new AbortController()

const runSpecs = (kind, files, grep, env) =>
  new Promise((resolve) => {
    console.log(`\n— ${kind.name}: ${files.length} spec files`)
    const child = fork(join(root, 'scripts/test-run.mjs'), [JSON.stringify({ files, grep, timeout: kind.timeout })], {
      cwd: root,
      env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...process.env, ...env }, // as the api does
      execArgv: ['--enable-source-maps'],
    })
    let told
    child.on('message', (message) => (told = message))
    interrupt.signal.addEventListener('abort', () => child.kill(), { once: true })
    child.once('exit', (code, signal) => {
      const { passed, failed, skipped } = told ?? { passed: 0, failed: 0, skipped: 0 }
      const isBroken = code !== 0 && failed === 0 // died before its end, or held something open after it
      if (isBroken) console.error(`The ${kind.name} specs ended with ${signal ?? `exit code ${code}`}.`)
      counts.passed += passed
      counts.failed += failed + (isBroken ? 1 : 0)
      counts.skipped += skipped
      resolve()
    })
  })

const main = async () => {
  const { pure, spec, grep, build: isBuilding } = options()
  checkNode()
  if (isBuilding && needsInstall()) {
    console.log('— npm ci')
    await install(interrupt.signal)
  }
  if (isBuilding) await build(interrupt.signal)
  const specs = findSpecs().filter((file) => isAsked(file, spec))
  const of = (kind) => specs.filter((file) => kindOf(file) === kind)
  const [unit, ...onServers] = kinds.filter((kind) => kind === kinds[0] || (!pure && of(kind).length > 0))
  if (specs.length === 0) throw new Trouble(`No spec has ${spec.map((part) => `"${part}"`).join(' or ')} in its path.`)

  const starting = onServers.length > 0 ? startServers() : undefined
  starting?.catch(() => undefined)
  try {
    if (of(unit).length > 0) await runSpecs(unit, of(unit), grep, {})
    const servers = await starting
    for (const kind of onServers) if (!interrupt.signal.aborted) await runSpecs(kind, of(kind), grep, servers.env)
  } finally {
    await starting?.then(
      ({ stop }) => stop(),
      () => undefined,
    )
  }
}

const startServers = async () => {
  const { createTestServers } = await import('@journey/embedded/testing')
  const servers = await createTestServers((process.env.PATH ?? '').split(':'))
  await servers.start()
  return { env: servers.env(), stop: servers.stop }
}

const failWith = (error) => {
  counts.failed++
  console.error(error instanceof Trouble || error?.family ? error.message : error)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt.abort())
await main().catch(failWith)
if (interrupt.signal.aborted) counts.failed++
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0
