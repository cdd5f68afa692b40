// npm test: installs and builds when needed and runs every spec: pure ones first, then those on real servers and, beside them, those
// end to end, since both mostly wait. Each of the two has a PostgreSQL, a RabbitMQ and an event store node of its own.
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

const counts = { passed: 0, skipped: 0 }
/** What failed: a spec of a file, or with neither what befell the run itself. */
const failures = []
const interrupt = new AbortController()

/** @param told gets what the run writes; without it, it goes to the terminal at once */
const runSpecs = (kind, files, grep, env, told) =>
  new Promise((resolve) => {
    const tell = told ?? ((text) => process.stdout.write(text))
    tell(`\n— ${kind.name}: ${files.length} spec files\n`)
    const child = fork(join(root, 'scripts/test-run.mjs'), [JSON.stringify({ files, grep, timeout: kind.timeout })], {
      cwd: root,
      env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...process.env, ...env }, // as the api does
      execArgv: ['--enable-source-maps'],
      silent: told !== undefined,
    })
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', tell)
    let result
    child.on('message', (message) => (result = message))
    interrupt.signal.addEventListener('abort', () => child.kill(), { once: true })
    child.once('close', (code, signal) => {
      const { passed, skipped, failures: failed } = result ?? { passed: 0, skipped: 0, failures: [] }
      counts.passed += passed
      counts.skipped += skipped
      failures.push(...failed)
      if (code !== 0 && failed.length === 0)
        // died before its end, or held something open after it
        failures.push({ why: `The ${kind.name} specs ended with ${signal ?? `exit code ${code}`}.` })
      resolve()
    })
  })

/** Keeps what is told until it may be shown. */
const createPage = () => {
  let kept = ''
  let isOpen = false
  return {
    tell: (text) => {
      if (isOpen) process.stdout.write(text)
      else kept += text
    },
    open: () => {
      isOpen = true
      process.stdout.write(kept)
    },
  }
}

/** The specs of a kind on servers of their own. */
const runOnServers = async (kind, files, grep, servers, told) => {
  const { env } = await servers
  if (!interrupt.signal.aborted) await runSpecs(kind, files, grep, env, told)
}

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

  const servers = onServers.map(() => startServers())
  for (const one of servers) one.catch(() => undefined)
  try {
    if (of(unit).length > 0) await runSpecs(unit, of(unit), grep, {})
    const pages = onServers.map((_, n) => (n === 0 ? undefined : createPage())) // the first is shown as it goes
    const runs = onServers.map((kind, n) =>
      runOnServers(kind, of(kind), grep, servers[n], pages[n]?.tell).catch(failWith),
    )
    for (const [n, one] of runs.entries()) {
      pages[n]?.open()
      await one
    }
  } finally {
    await Promise.allSettled(servers.map((one) => one.then(({ stop }) => stop())))
  }
}

const startServers = async () => {
  const { createTestServers } = await import('@journey/embedded/testing')
  const servers = await createTestServers((process.env.PATH ?? '').split(':'))
  await servers.start()
  return { env: servers.env(), stop: servers.stop }
}

const failWith = (error) =>
  failures.push({ why: error instanceof Trouble || error?.family ? error.message : (error?.stack ?? String(error)) })

/** All that failed, once more at the end: two kinds write side by side, and a terminal keeps its last lines longest. */
const tellFailures = () => {
  if (failures.length > 0) console.log('\n— failed')
  for (const { spec, file, why } of failures) {
    if (spec) console.log(`  ${spec}\n    ${file}`)
    console.log(why.replace(/^/gm, spec ? '    ' : '  '))
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt.abort())
await main().catch(failWith)
if (interrupt.signal.aborted) failures.push({ why: 'Interrupted.' })
tellFailures()
console.log(`\n${counts.passed} passed, ${failures.length} failed, ${counts.skipped} skipped`)
process.exitCode = failures.length > 0 ? 1 : 0
