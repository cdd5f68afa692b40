import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createStack, removeState } from '@journey/embedded'
import { silentLog } from '@journey/runtime'
import { root, Trouble } from '../bootstrap.mjs'
import { createCommander } from './commander.mjs'
import { figuresOf } from './durations.mjs'
import { machine } from './machine.mjs'
import { usageOf } from './processes.mjs'
import { rawSeconds } from './raw.mjs'
import { watchJourneys } from './sightings.mjs'

const help = `npm run bench -- journeys [options]

Starts the whole system in a folder of its own, lets one journey warm it up, publishes journey.start for many clients at
once, and waits until each is set up in production and the last gate of each is evaluated. Then holds and releases all of
them, at once and one by one.

  --journeys <n>        how many (100)
  --agent-delay <ms>    how long a reference agent takes for a task (0)
  --limit <seconds>     fails when the journeys take longer (300)
  --json                the figures as JSON, nothing else
  --cpu-prof <folder>   writes a CPU profile of every Node process there
  --keep                leaves the folder with logs and data, and says where it is
  --no-build            with what is compiled already

command → visible    from publishing a command to the commit that shows it in journey_states
raw                  the same appends to the event store, as many messages with the same bytes through one queue, and as many
                     rows into one table; one server after another, by one client, the services stopped`

const optionsOf = (args) => {
  try {
    const { values } = parseArgs({
      args,
      options: {
        journeys: { type: 'string', default: '100' },
        'agent-delay': { type: 'string', default: '0' },
        limit: { type: 'string', default: '300' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'cpu-prof': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const [journeys, agentDelay, limit] = [values.journeys, values['agent-delay'], values.limit].map(Number)
    if (!(Number.isInteger(journeys) && journeys > 0)) throw new Error('--journeys must be a whole number above 0')
    if (!(agentDelay >= 0 && limit > 0)) throw new Error('--agent-delay and --limit must be numbers')
    return { ...values, journeys, agentDelay, limit, profiles: values['cpu-prof'] && resolve(values['cpu-prof']) }
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
      JOURNEY_AGENTS: 'on',
      JOURNEY_AGENTS_DELAY_MS: String(options.agentDelay),
      ...(options.profiles && {
        NODE_OPTIONS: `--import ${new URL('profile.mjs', import.meta.url).href}`,
        JOURNEY_BENCH_PROFILES: options.profiles,
      }),
    },
    log: silentLog(),
  })
  interrupt.addEventListener('abort', () => void stack.stop(), { once: true })
  try {
    await stack.start()
    const report = await measure(stack, options, interrupt)
    console.log(options.json ? JSON.stringify(report, undefined, 2) : told(report))
    const wrong = Object.entries(report.errors).filter(([, count]) => count > 0)
    if (wrong.length > 0)
      throw new Trouble(`There were errors: ${wrong.map(([what, count]) => `${count} ${what}`).join(', ')}`)
  } finally {
    await stack.stop()
    if (options.keep) console.error(`kept: ${stateDir}`)
    else await removeState(stateDir)
  }
}

const measure = async (stack, { journeys, limit }, interrupt) => {
  const before = machine()
  const endpoints = stack.endpoints()
  const watch = await watchJourneys(endpoints.database)
  interrupt.addEventListener('abort', () => watch.giveUp(interrupt.reason), { once: true })
  const late = async () => watch.giveUp(new Trouble(`Not through after ${limit} s:\n${await whereTheyStand(watch)}`))
  const timer = setTimeout(late, limit * 1000)
  const commander = await createCommander(endpoints.amqp)
  const pids = new Map([...stack.processes()].map(([name, { pid }]) => [name, pid()]))
  const clients = Array.from({ length: journeys }, (_, n) => `bench-${n}`)
  try {
    const start = async (client_id) => {
      const data = { client_id, data_sources: ['salesforce', 'jira', 'confluence'], parameters: { auto_approve: true } }
      const visible = watch.seen(client_id, () => true)
      const finished = watch.seen(client_id, ({ stage, verdict }) => stage === 'production' && verdict !== null)
      const [told, visibleAt, finishedAt] = await Promise.all([
        commander.command('journey.start', data),
        visible,
        finished,
      ])
      return { ...told, visibleAt, finishedAt }
    }
    await start('bench-warm-up') // the agents are known after it, and every connection is open
    const countsBefore = await countsOf(watch)
    const atStart = usageOf(pids)
    const begun = performance.now()
    const starts = await all(clients, start)
    const seconds = (Math.max(...starts.map(({ finishedAt }) => finishedAt)) - begun) / 1000
    const usage = usageOf(pids)
    await sleep(500) // what trails behind the last gate
    const counts = minus(await countsOf(watch), countsBefore)

    const steer = (type) => async (client_id) => {
      const told = await commander.command(type, { client_id, reason: 'bench' })
      const visibleAt = await watch.seen(client_id, ({ revision }) => revision >= (told.answer.revision ?? 0))
      return { ...told, visibleAt }
    }
    const atOnce = [...(await all(clients, steer('journey.hold'))), ...(await all(clients, steer('journey.release')))]
    const oneByOne = []
    for (const type of ['journey.hold', 'journey.release'])
      for (const client of clients) oneByOne.push(await steer(type)(client))

    const errors = await errorsOf(watch, endpoints, [...starts, ...atOnce, ...oneByOne], journeys)
    const raw = await rawOf(stack, watch, endpoints, counts)
    return {
      journeys,
      seconds: Number(seconds.toFixed(2)),
      journeys_per_second: Number((journeys / seconds).toFixed(2)),
      tasks_per_second: Number((counts.tasks / seconds).toFixed(1)),
      counts,
      latencies: {
        'journey.start → answer, all at once': figuresOf(starts.map(answering)),
        'journey.start → visible, all at once': figuresOf(starts.map(showing)),
        'hold, release → visible, all at once': figuresOf(atOnce.map(showing)),
        'hold, release → answer, one by one': figuresOf(oneByOne.map(answering)),
        'hold, release → visible, one by one': figuresOf(oneByOne.map(showing)),
      },
      processes: Object.fromEntries(
        [...usage].map(([name, { cpuSeconds, peakMib }]) => [
          name,
          {
            pid: pids.get(name),
            cpu_seconds: Number((cpuSeconds - (atStart.get(name)?.cpuSeconds ?? 0)).toFixed(2)),
            peak_memory_mib: Math.round(peakMib),
          },
        ]),
      ),
      raw: { ...raw, ratio: Number((seconds / raw.seconds).toFixed(2)) },
      errors,
      machine: { ...before, load_average_after: machine().load_average },
    }
  } finally {
    clearTimeout(timer)
    await Promise.allSettled([commander.close(), watch.close()])
  }
}

const all = (clients, work) => Promise.all(clients.map(work))
const answering = ({ publishedAt, answeredAt }) => answeredAt - publishedAt
const showing = ({ publishedAt, visibleAt }) => visibleAt - publishedAt

/** For a run that did not end: what the journeys are at. */
const whereTheyStand = async (watch) => {
  const { rows } = await watch.query(`
    select count(*) || ' journeys ' || status || ' in ' || stage || ', gate ' ||
           case when (gate ->> 'running')::bool then 'under way' else coalesce(gate -> 'last' ->> 'verdict', 'none') end as line
    from journey_states group by status, stage, (gate ->> 'running')::bool, gate -> 'last' ->> 'verdict'
    union all select count(*) || ' tasks ' || state || coalesce(', waiting for ' || waits_for, '') from dispatches group by state, waits_for
    union all select count(*) || ' commands ' || status from commands group by status
    union all select count(*) || ' timers, ' || kind from timers group by kind
    union all select count(*) || ' admissions ' || state from admissions group by state`)
  return rows.map(({ line }) => `  ${line}`).join('\n')
}

const countsOf = async (watch) => {
  const { rows } = await watch.query(`
    select (select count(*) from journey_events)::int as events,
           (select count(*) from commands)::int as commands,
           (select count(*) from dispatches)::int as tasks`)
  return rows[0]
}

const minus = (after, before) =>
  Object.fromEntries(Object.entries(after).map(([what, count]) => [what, count - before[what]]))

/** Everything that should not have happened, or should have and did not. */
const errorsOf = async (watch, { amqp_management }, told, journeys) => {
  const { rows } = await watch.query(
    `select (select count(*) from dead_letters)::int as dead_letters,
            (select count(*) from parked_streams)::int as parked_streams,
            (select count(*) from journey_events
             where event_type in ('task.execution_failed', 'task.late_result_recorded', 'unit_of_work.failed'))::int as failures,
            (select count(*) from commands where status <> 'accepted')::int as commands_not_accepted,
            $1 + 1 - (select count(*) from unit_of_works
                  where kind = 'setup' and stage = 'production' and status = 'completed')::int as journeys_not_set_up`,
    [journeys],
  )
  const { origin, username, password } = new URL(amqp_management)
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const queues = await (await fetch(`${origin}/api/queues`, { headers: { authorization } })).json()
  const dead = queues.filter(({ name }) => name.endsWith('.dlq')).reduce((sum, { messages = 0 }) => sum + messages, 0)
  return {
    ...rows[0],
    dead_letters_in_queues: dead,
    refused_commands: told.filter(({ answer }) => answer.status !== 'accepted').length,
  }
}

const rawOf = async (stack, watch, endpoints, counts) => {
  const { rows: events } = await watch.query(
    'select stream, causation_id, event_type, data from journey_events order by position',
  )
  const servers = ['postgres', 'rabbitmq', 'event-store']
  await Promise.all(
    [...stack.processes().values()].filter(({ name }) => !servers.includes(name)).map((one) => one.stop()),
  )
  const bodies = events.map(({ data }) => Buffer.from(JSON.stringify(data)))
  const messages = Array.from(
    { length: counts.commands + counts.events + counts.tasks },
    (_, n) => bodies[n % bodies.length],
  )
  const raw = await rawSeconds(endpoints, { events, messages, rows: messages })
  const seconds = Object.values(raw).reduce((sum, one) => sum + one, 0)
  return Object.fromEntries(
    Object.entries({ ...raw, seconds }).map(([name, value]) => [name, Number(value.toFixed(2))]),
  )
}

const told = ({ journeys, seconds, counts, latencies, processes, raw, machine: on, ...report }) => {
  const number = (value, width) => String(value ?? '-').padStart(width)
  const total = Object.values(processes).reduce((sum, { cpu_seconds }) => sum + cpu_seconds, 0)
  return [
    `${journeys} journeys started at once, all through in ${seconds} s`,
    `  ${report.journeys_per_second} journeys/s, ${report.tasks_per_second} tasks/s; ` +
      `${counts.commands} commands, ${counts.events} events, ${counts.tasks} tasks`,
    '',
    `${'command → …, ms'.padEnd(40)}${number('p50', 9)}${number('p99', 9)}${number('most', 9)}`,
    ...Object.entries(latencies).map(
      ([what, { p50_ms, p99_ms, most_ms }]) =>
        `  ${what.padEnd(38)}${number(p50_ms, 9)}${number(p99_ms, 9)}${number(most_ms, 9)}`,
    ),
    '',
    `${'process'.padEnd(40)}${number('CPU s', 9)}${number('peak MiB', 9)}`,
    ...Object.entries(processes).map(
      ([name, { pid, cpu_seconds, peak_memory_mib }]) =>
        `  ${`${name} (${pid})`.padEnd(38)}${number(cpu_seconds.toFixed(2), 9)}${number(peak_memory_mib, 9)}`,
    ),
    `  ${'all'.padEnd(38)}${number(total.toFixed(2), 9)}`,
    '',
    `raw: ${raw.append_seconds} s appending + ${raw.carry_seconds} s carrying + ${raw.insert_seconds} s inserting = ` +
      `${raw.seconds} s; the journeys took ${raw.ratio} times that`,
    `${on.cores} × ${on.model}, ${on.memory_mib} MiB, Node ${on.node.slice(1)}; ` +
      `load ${on.load_average.join(' ')} before, ${on.load_average_after.join(' ')} after`,
  ].join('\n')
}
