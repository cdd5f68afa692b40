import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { createStack, removeState } from '@journey/embedded'
import { createEventStore } from '@journey/event-store'
import { silentLog } from '@journey/runtime'
import { root, Trouble } from '../bootstrap.mjs'
import { carryRaw, collect, purge } from './bus/carrying.mjs'
import { fill } from './bus/histories.mjs'
import { insertRaw } from './bus/inserting.mjs'
import { counterOf, pace } from './bus/pace.mjs'
import { createSteering } from './bus/steering.mjs'
import { createCommander } from './commander.mjs'
import { machine } from './machine.mjs'
import { usageOf } from './processes.mjs'
import { watchJourneys } from './sightings.mjs'

const help = `npm run bench -- bus [options]

Starts the whole system in a folder of its own, without agents, and measures one thing after the other: simple commands from
publishing to the commit that shows them, as many as go and at 10, 50 and 90 % of that; the relay, and beside it bare amqplib
publishing the same bytes to the same kinds of queues; the projector on what the relay published, with none and with 10,000
parked streams, and beside it bare inserts of the same rows; the rebuild of the whole read model.

  --events <n>          for the relay and for the projector (60000)
  --rebuild <n>         how many are stored when the read model is rebuilt (200000)
  --journeys <n>        that are held and released (1000)
  --seconds <n>         for each rate of commands (10)
  --json                the figures as JSON, nothing else
  --cpu-prof <folder>   writes a CPU profile of every Node process there
  --keep                leaves the folder with logs and data, and says where it is
  --only <part>         commands, or events: the relay, the projector and the rebuild
  --no-build            with what is compiled already`

const optionsOf = (args) => {
  try {
    const { values } = parseArgs({
      args,
      options: {
        events: { type: 'string', default: '60000' },
        rebuild: { type: 'string', default: '200000' },
        journeys: { type: 'string', default: '1000' },
        seconds: { type: 'string', default: '10' },
        only: { type: 'string' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'cpu-prof': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const numbers = ['events', 'rebuild', 'journeys', 'seconds'].map((name) => [name, Number(values[name])])
    for (const [name, value] of numbers)
      if (!(Number.isInteger(value) && value > 0)) throw new Error(`--${name} must be a whole number above 0`)
    if (![undefined, 'commands', 'events'].includes(values.only)) throw new Error('--only is commands or events')
    return { ...values, ...Object.fromEntries(numbers), profiles: values['cpu-prof'] && resolve(values['cpu-prof']) }
  } catch (error) {
    throw new Trouble(`${error.message}\n\n${help}`)
  }
}

/** Whatever servers the environment names are left alone. */
const ownServers = Object.fromEntries(
  [
    'RABBITMQ_URL',
    'RABBITMQ_HOST',
    'DATABASE_URL',
    'JOURNEY_STATE_DB_HOST',
    'EVENT_STORE_URL',
    'JOURNEY_EVENT_STORE_HOST',
  ].map((name) => [name, undefined]),
)

export const run = async (args, interrupt) => {
  const options = optionsOf(args)
  if (options.help) return console.log(help)
  const stateDir = mkdtempSync(join(tmpdir(), 'journey-bench-'))
  chmodSync(stateDir, 0o711) // the servers' accounts have to get through
  const stack = createStack({
    root,
    stateDir,
    env: {
      ...process.env,
      ...ownServers,
      JOURNEY_API_PORT: '0',
      JOURNEY_AGENTS: 'off',
      ...(options.profiles && {
        NODE_OPTIONS: `--import ${new URL('profile.mjs', import.meta.url).href}`,
        JOURNEY_BENCH_PROFILES: options.profiles,
      }),
    },
    log: silentLog(),
  })
  interrupt.addEventListener('abort', () => void stack.stop(), { once: true })
  const tell = (line) => (options.json ? undefined : console.error(line))
  try {
    tell('starting the system')
    await stack.start()
    const before = machine()
    const figures = await measure(stack, options, tell)
    const report = { ...figures, machine: { ...before, load_average_after: machine().load_average } }
    console.log(options.json ? JSON.stringify(report, undefined, 2) : told(report))
  } finally {
    await stack.stop()
    if (options.keep) console.error(`kept: ${stateDir}`)
    else await removeState(stateDir)
  }
}

const measure = async (stack, options, tell) => {
  const endpoints = stack.endpoints()
  const process = (name) => stack.processes().get(name)
  const others = ['command-handler', 'event-relay', 'projector', 'saga-processor', 'notifier', 'api']
  const commands = options.only === 'events' ? undefined : await measureCommands(stack, options, tell)
  if (options.only === 'commands') return { commands }

  await Promise.all(others.map((name) => process(name).stop()))
  const store = createEventStore({ url: endpoints.event_store, log: silentLog() })
  const database = new pg.Client({ connectionString: endpoints.database })
  await database.connect()
  try {
    return { commands, ...(await measureEvents(stack, store, database, options, tell)) }
  } finally {
    await Promise.allSettled([store.stop(), database.end()])
  }
}

const measureEvents = async (stack, store, database, options, tell) => {
  const endpoints = stack.endpoints()
  const process = (name) => stack.processes().get(name)
  const health = (name) => endpoints.services[name]
  const cpu = (name) => usageOf(new Map([[name, process(name).pid()]])).get(name).cpuSeconds

  /** Events of new clients through the relay, then through the projector. */
  const through = async (name) => {
    tell(`storing ${options.events} events`)
    const { events, last } = await fill(store, name, options.events)
    tell('relaying them')
    await purge(endpoints.amqp)
    await process('event-relay').start()
    const relayed = await pace({
      look: () => counterOf(health('event-relay'), 'journey_relay_events_total'),
      from: 0,
      to: events,
    })
    const relayCpu = cpu('event-relay')
    const position = async () =>
      BigInt((await database.query(`select position from checkpoints where name = 'event-relay'`)).rows[0].position)
    while ((await position()) < last) await sleep(50)
    await process('event-relay').stop()
    const raw = async () => carryRaw(endpoints.amqp, await collect(endpoints.amqp, 4_000), events)
    const project = async () => {
      tell('projecting them')
      await process('projector').start()
      const projected = await pace({
        look: () => counterOf(health('projector'), 'journey_projection_events_total'),
        from: 0,
        to: events,
      })
      const projectorCpu = cpu('projector')
      await process('projector').stop()
      return { rate: projected.rate, cpu: projectorCpu }
    }
    return { events, relay: { rate: relayed.rate, cpu: relayCpu }, raw, project }
  }

  const first = await through('one')
  tell('publishing the same with amqplib alone')
  const rawCarrying = await first.raw()
  const projected = await first.project()
  tell('inserting the same rows with pg alone')
  const rawInserting = await insertRaw(endpoints.database, 200, options.events)

  const parked = await through('two')
  await database.query(`
    insert into parked_streams (consumer, stream, first_revision, last_seen, code, message, parked_at, attempts)
    select 'projector', 'journey-parked-' || n, 0, 0, 'event/invalid', 'bench', now(), 1 from generate_series(1, 10000) n`)
  const withParked = await parked.project()
  await database.query(`delete from parked_streams where stream like 'journey-parked-%'`)
  const without = await (await through('three')).project()

  const { rows } = await database.query('select count(*)::int as stored from journey_events')
  const missing = options.rebuild - rows[0].stored
  if (missing > 0) {
    tell(`storing ${missing} events more`)
    await fill(store, 'four', missing)
  }
  tell(`rebuilding the read model from ${Math.max(options.rebuild, rows[0].stored)} events`)
  const rebuilt = await rebuild(database, process('projector'), tell)

  const per10k = ({ cpu, events }) => (cpu * 10_000) / events
  return {
    relay: {
      events_per_second: first.relay.rate,
      raw_events_per_second: rawCarrying,
      ratio: first.relay.rate / rawCarrying,
      cpu_seconds_per_10k: per10k({ cpu: first.relay.cpu, events: first.events }),
    },
    projector: {
      events_per_second: projected.rate,
      raw_rows_per_second: rawInserting,
      ratio: projected.rate / rawInserting,
      cpu_seconds_per_10k: per10k({ cpu: projected.cpu, events: first.events }),
      with_10000_parked_streams: withParked.rate,
      without_after_that: without.rate,
      ratio_with_parked: withParked.rate / without.rate,
    },
    rebuild: { ...rebuilt, ratio: rebuilt.events_per_second / rawInserting },
  }
}

const measureCommands = async (stack, { journeys, seconds }, tell) => {
  const endpoints = stack.endpoints()
  const watch = await watchJourneys(endpoints.database)
  const commander = await createCommander(endpoints.amqp)
  const clients = Array.from({ length: journeys }, (_, n) => `steered-${n}`)
  try {
    tell(`starting ${journeys} journeys`)
    await Promise.all(
      clients.map(async (client_id) => {
        const { answer } = await commander.command('journey.start', { client_id, data_sources: ['jira'] })
        await watch.seen(client_id, ({ revision }) => revision >= answer.revision)
      }),
    )
    // Each then waits for an agent of its first task.
    for (;;) {
      const { rows } = await watch.query(`select count(*)::int as waiting from dispatches where waits_for is not null`)
      if (rows[0].waiting >= Math.min(journeys, 100)) break
      await sleep(100)
    }
    await sleep(2_000) // what trails behind
    const steering = createSteering(commander, watch, clients)
    tell('holding and releasing them')
    await steering.most(Math.min(200, journeys), 3) // every cache is warm then
    const pids = new Map([...stack.processes()].map(([name, process]) => [name, process.pid()]))
    const before = usageOf(pids)
    const { rate: most, count } = await steering.most(Math.min(500, journeys), seconds)
    const after = usageOf(pids)
    const cpu = Object.fromEntries(
      [...after].map(([name, { cpuSeconds }]) => [name, ((cpuSeconds - before.get(name).cpuSeconds) * 10_000) / count]),
    )
    const shares = {}
    for (const share of [10, 50, 90]) {
      tell(`at ${share} % of ${most.toFixed(0)} commands/s`)
      shares[`at_${share}_percent`] = await steering.at((most * share) / 100, seconds)
    }
    return { per_second: most, ...shares, cpu_seconds_per_10k: cpu, errors: steering.errors() }
  } finally {
    await Promise.allSettled([commander.close(), watch.close()])
  }
}

const rebuild = async (database, projector, tell) => {
  const id = randomUUID()
  await database.query(
    `insert into replays (id, consumer, mode, from_at, state, requested_by)
     values ($1, 'projector', 'rebuild', '1970-01-01T00:00:00Z', 'running', '{"type":"user","id":"bench"}')`,
    [id],
  )
  await projector.start()
  let told = 0
  let begun
  for (;;) {
    const { rows } = await database.query('select state, done, total, error from replays where id = $1', [id])
    const { state, done, total, error } = rows[0]
    if (done > 0) begun ??= { at: performance.now(), done }
    if (state === 'completed') {
      const seconds = (performance.now() - begun.at) / 1000
      await projector.stop()
      return { events: done, seconds, events_per_second: (done - begun.done) / seconds }
    }
    if (state !== 'running') throw new Trouble(`The rebuild ${state}: ${JSON.stringify(error)}`)
    if (Date.now() - told > 5_000) {
      told = Date.now()
      tell(`  ${done} of ${total ?? '?'}`)
    }
    await sleep(100)
  }
}

const cpuOf = (seconds) =>
  Object.entries(seconds)
    .sort(([, a], [, b]) => b - a)
    .map(([name, value]) => `${name} ${value.toFixed(1)}`)
    .join(', ')

const told = ({ commands, relay, projector, rebuild: rebuilt, machine: on }) => {
  const whole = (value) => Math.round(value).toLocaleString('en')
  const ms = ({ p50_ms, p99_ms, count }) => `p50 ${p50_ms} ms, p99 ${p99_ms} ms (${count})`
  const ofCommands = () => [
    `commands (hold, release) → visible  ${whole(commands.per_second)}/s at most`,
    `  at 10 %  ${ms(commands.at_10_percent)}`,
    `  at 50 %  ${ms(commands.at_50_percent)}`,
    `  at 90 %  ${ms(commands.at_90_percent)}`,
    `  CPU s per 10,000: ${cpuOf(commands.cpu_seconds_per_10k)}`,
  ]
  const ofEvents = () => [
    `relay       ${whole(relay.events_per_second)} events/s, ${relay.ratio.toFixed(2)} × bare amqplib (${whole(relay.raw_events_per_second)}/s); CPU ${relay.cpu_seconds_per_10k.toFixed(2)} s per 10,000`,
    `projector   ${whole(projector.events_per_second)} events/s, ${projector.ratio.toFixed(2)} × bare inserts (${whole(projector.raw_rows_per_second)}/s); CPU ${projector.cpu_seconds_per_10k.toFixed(2)} s per 10,000`,
    `  with 10,000 parked streams ${whole(projector.with_10000_parked_streams)}/s, ${projector.ratio_with_parked.toFixed(2)} × without them right after (${whole(projector.without_after_that)}/s)`,
    `rebuild     ${whole(rebuilt.events_per_second)} events/s, ${rebuilt.ratio.toFixed(2)} × bare inserts; ${whole(rebuilt.events)} events in ${rebuilt.seconds.toFixed(1)} s`,
  ]
  return [
    ...(commands ? ofCommands() : []),
    ...(relay ? ofEvents() : []),
    `${on.cores} × ${on.model}, ${on.memory_mib} MiB, Node ${on.node.slice(1)}; load ${on.load_average.join(' ')} before, ${on.load_average_after.join(' ')} after`,
  ].join('\n')
}
