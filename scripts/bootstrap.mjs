// What has to be true before anything compiled can be loaded: the right Node, installed packages, a fresh build.
// Plain JavaScript on Node's own modules, since nothing else may be there yet.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Something the user can put right; shown without a stack. */
export class Trouble extends Error {}

/** Every folder that is compiled: packages, services, the migrations and the specs of the whole. */
export const rooms = () =>
  ['packages', 'services']
    .flatMap((floor) => readdirSync(join(root, floor)).map((room) => join(root, floor, room)))
    .concat(join(root, 'migrations'), join(root, 'scripts/specs'))
    .filter((room) => existsSync(join(room, 'tsconfig.json')))

export const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 20))
    throw new Trouble(`Node ${process.versions.node} is too old: install Node 20.20 or newer (https://nodejs.org).`)
}

const lockfile = join(root, 'package-lock.json')
const installed = join(root, 'node_modules', '.package-lock.json')
const stamp = join(root, 'node_modules', '.journey-installed')
const digest = () => createHash('sha256').update(readFileSync(lockfile)).digest('hex')

/** Whether `npm ci` has to run: nothing is installed, or for another package-lock.json. */
export const needsInstall = () => {
  if (!existsSync(installed)) return true
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8') !== digest()
  return statSync(installed).mtimeMs < statSync(lockfile).mtimeMs
}

export const install = async (signal) => {
  const npm = process.env.npm_execpath
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  const { code, output } = await run(command, args, signal)
  if (code !== 0) throw new Trouble(`npm ci failed. Its last lines:\n${lastLines(output)}`)
  writeFileSync(stamp, digest())
}

/** Compiles what changed, after removing what was compiled from sources that are gone. */
export const build = async (signal) => {
  for (const room of rooms()) removeStale(room)
  const { code, output } = await run(process.execPath, [join(root, 'scripts/build.mjs')], signal)
  if (code !== 0) throw new Trouble(`The build failed:\n${lastLines(output)}`)
}

/** A compiled file whose source was deleted or renamed would still run (mocha finds specs in `dist`). */
const removeStale = (room) => {
  const dist = join(room, 'dist')
  if (!existsSync(dist)) return
  for (const file of readdirSync(dist, { recursive: true })) {
    const source = /^(.*)\.(js|js\.map|d\.ts|d\.ts\.map)$/.exec(file)?.[1]
    if (source === undefined || ['ts', 'js'].some((ending) => existsSync(join(room, 'src', `${source}.${ending}`))))
      continue
    rmSync(join(dist, file))
  }
}

const lastLines = (output) => output.trimEnd().split('\n').slice(-25).join('\n')

const run = (command, args, signal) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk) => (output += chunk)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    signal?.addEventListener('abort', () => child.kill(), { once: true })
    child.once('error', reject)
    child.once('close', (code) => (signal?.aborted ? reject(new Trouble('interrupted')) : resolve({ code, output })))
  })
