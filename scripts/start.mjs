// npm start: installs and builds when needed, starts the whole system from one folder, shows a demo journey, and stays up until
// Ctrl-C. `npm start -- --help` lists the options.
import { appendFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build, checkNode, install, needsInstall, root, Trouble } from './bootstrap.mjs'

const help = `npm start -- [options]

  --no-demo   start no demo journey
  --reset     first remove everything that was stored (the state folder)
  --help      this text

Settings come from the environment. The most asked for:
  JOURNEY_STATE_DIR   where data, secrets, ports and logs are kept (.journey)
  JOURNEY_API_PORT    port of the HTTP API (8080, or a free one when that is taken)
  JOURNEY_AGENTS=off  leave the tasks to agents of your own
  RABBITMQ_URL, RABBITMQ_MANAGEMENT_URL, DATABASE_URL, EVENT_STORE_URL
                      running servers to use instead of embedded ones

Ctrl-C stops everything; the next start goes on where this one stopped.`

const options = () => {
  try {
    const { values } = parseArgs({
      options: {
        demo: { type: 'boolean', default: true },
        reset: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
      allowNegative: true,
    })
    return values
  } catch (error) {
    throw new Trouble(`${error.message}\n\n${help}`)
  }
}

const env = process.env
const stateDir = resolve(root, env.JOURNEY_STATE_DIR || '.journey')
const interrupt = new AbortController()

const say = (line = '') => process.stdout.write(`${line}\n`)
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`.padStart(7)

const onStep = ({ name, state, detail, ms }) => {
  if (state === 'done') say(`  ✓ ${name.padEnd(16)}${seconds(ms)}  ${detail}`)
  if (state === 'failed' && !interrupt.signal.aborted) say(`  ✗ ${name.padEnd(16)}${seconds(ms)}`)
  if (state === 'started' && detail) say(`  … ${name.padEnd(16)}         ${detail}`)
}

/** Tells one step that is not the stack's. */
const step = async (name, slow, work) => {
  const begun = performance.now()
  if (slow) onStep({ name, state: 'started', detail: slow })
  const detail = await work()
  onStep({ name, state: 'done', detail: detail ?? '', ms: performance.now() - begun })
}

/** The supervisor's log: all of it in a file, what a person should know on the terminal. */
const logTo = (file) => {
  mkdirSync(join(stateDir, 'logs'), { recursive: true })
  return {
    write: (line) => {
      appendFileSync(file, line)
      const { level, process: name, how, msg } = JSON.parse(line)
      if (level === 'warn' || level === 'error')
        say(`  ! ${[name, how].filter(Boolean).join(' ')}${name ? ': ' : ''}${msg}`)
      else if (name && msg) say(`  ✓ ${name}: ${msg}`)
    },
  }
}

const whereNext = ({ api, amqp, amqp_management, token_file }) => {
  const passwordFile = join(stateDir, 'secrets', 'rabbitmq')
  const isOurs = !env.RABBITMQ_URL && !env.RABBITMQ_HOST && existsSync(passwordFile)
  const broker = new URL(amqp)
  const shown = relative(process.cwd(), passwordFile)
  const url = isOurs ? `amqp://${broker.username}:$(cat ${shown})@${broker.host}${broker.pathname}` : '$RABBITMQ_URL'
  const command = '{"command_id":"from-outside-1","data":{"client_id":"client-2","data_sources":["salesforce","jira"]}}'
  const lines = [
    ['API', `${api}/api/v1/journeys`],
    ['its documentation', `${api}/docs`],
    ...(token_file ? [['its token', `cat ${relative(process.cwd(), token_file)}`]] : []),
    ...(amqp_management
      ? [
          [
            'RabbitMQ',
            new URL(amqp_management).origin + (isOurs ? `   user ${broker.username}, password: cat ${shown}` : ''),
          ],
        ]
      : []),
    ['logs', join(relative(process.cwd(), stateDir), 'logs')],
    [
      'start a journey',
      `${env.JOURNEY_STATE_DIR ? `JOURNEY_STATE_DIR=${env.JOURNEY_STATE_DIR} ` : ''}npx journey-cli start --client-id=client-1 --data-sources=salesforce,jira`,
    ],
    ['… from outside', `amqp-publish --url="${url}" -e journey.commands -r journey.start \\`],
    ['', `  -C application/json -p -b '${command}'`],
  ]
  say()
  for (const [name, value] of lines) say(`  ${name.padEnd(18)} ${value}`)
  say()
  say('  Ctrl-C stops everything.')
}

const interrupted = () =>
  new Promise((done) => {
    if (interrupt.signal.aborted) done()
    interrupt.signal.addEventListener('abort', () => done(), { once: true })
  })

const main = async () => {
  const { demo, reset, help: isHelp } = options()
  if (isHelp) return say(help)
  checkNode()
  if (needsInstall()) await step('packages', 'npm ci', () => install(interrupt.signal))
  await step('build', '', () => build(interrupt.signal))

  const { createStack, removeState } = await import('@journey/embedded')
  const { createLog } = await import('@journey/runtime')
  await checkSettings()
  if (reset) await step('reset', '', () => removeState(stateDir))

  const log = createLog({ service: 'supervisor', level: 'info', to: logTo(join(stateDir, 'logs', 'supervisor.log')) })
  const stack = createStack({ root, stateDir, env, log, onStep })
  const stopping = interrupted().then(async () => {
    say('\n  stopping…')
    await stack.stop()
  })
  try {
    await stack.start()
    const endpoints = stack.endpoints()
    if (demo) await showDemo(endpoints)
    if (!interrupt.signal.aborted) whereNext(endpoints)
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
  }
  await stopping
  say('  stopped')
}

/** Every problem of the configuration files and of every service's settings, told at once before anything starts. */
const checkSettings = async () => {
  const { readSettings, ServerSettings } = await import('@journey/runtime')
  const { loadConfiguration } = await import('@journey/contracts')
  const lines = new Set()
  const collect = (read) => {
    try {
      read()
    } catch (error) {
      if (!error.details?.length) throw error
      for (const { field, message } of error.details) lines.add(`  ${field}: ${message}`)
    }
  }
  collect(() => loadConfiguration(resolve(root, env.JOURNEY_CONFIG_DIR || 'infra/config'), env))
  for (const file of settingsFiles()) {
    const classes = Object.values(await import(file)).filter((it) => it.prototype instanceof ServerSettings)
    for (const settings of classes) collect(() => readSettings(settings, env))
  }
  if (lines.size > 0) throw new Trouble(`The configuration has ${lines.size} problem(s):\n${[...lines].join('\n')}`)
}

const settingsFiles = () =>
  readdirSync(join(root, 'services'))
    .map((name) => join(root, 'services', name, 'dist/settings.js'))
    .filter((file) => existsSync(file))

/** A demo that fails leaves the system up: it is there to be looked at. */
const showDemo = async (endpoints) => {
  const { runDemo } = await import('@journey/cli')
  if (!runDemo) return
  try {
    await runDemo({ endpoints, out: process.stdout, signal: interrupt.signal })
  } catch (error) {
    if (!interrupt.signal.aborted) say(`  ! the demo ended early: ${error instanceof Error ? error.message : error}`)
  }
}

/** npm hands SIGINT and SIGTERM on and waits; killed otherwise, it leaves us to another parent. */
const watchNpm = () => {
  const npm = process.ppid
  setInterval(() => process.ppid !== npm && interrupt.abort(), 500).unref()
}
if (env.npm_lifecycle_event) watchNpm()

process.stdout.on('error', () => {}) // whoever read it has gone: go on without
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt.abort())
main().then(
  () => process.exit(0),
  (error) => {
    if (!interrupt.signal.aborted)
      console.error(error instanceof Trouble || error?.family ? `\n${error.message}` : error)
    process.exit(interrupt.signal.aborted ? 0 : 1)
  },
)
