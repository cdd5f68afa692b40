import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { EventStoreDBClient, jsonEvent, START } from '@eventstore/db-client'
import { createPorts, createPostgres, createProcess, ensureDatabase, removeState } from '@journey/embedded'
import { silentLog } from '@journey/runtime'
import pg from 'pg'
import { root, Trouble } from '../bootstrap.mjs'
import { figuresOf } from './durations.mjs'
import { machine } from './machine.mjs'

const help = `npm run bench -- event-store [options]

Starts a PostgreSQL and an event store node in a folder of their own, and measures the node through the real client in
turns with the same work done by bare pg in the same PostgreSQL: appends by 1, 16 and 64 clients, then reads of the log.

  --seconds <n>         how long each figure is measured, each time (2)
  --rounds <n>          how many times; the median counts (3)
  --events <n>          how many events the log holds before it is read (1000000)
  --no-reads            appends alone
  --json                the figures as JSON, nothing else
  --cpu-prof <folder>   writes a CPU profile of the node there
  --no-build            with what is compiled already

bare pg, appends    one prepared insert of the same 600 bytes as jsonb under a uuid, on as many connections
bare pg, reads      a cursor over the node's own table in pages of 500 rows, by one connection`

const optionsOf = (args) => {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string', default: '2' },
        rounds: { type: 'string', default: '3' },
        events: { type: 'string', default: '1000000' },
        reads: { type: 'boolean', default: true },
        json: { type: 'boolean', default: false },
        'cpu-prof': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowNegative: true,
    })
    const [seconds, rounds, events] = [values.seconds, values.rounds, values.events].map(Number)
    if (!(seconds > 0)) throw new Error('--seconds must be a number above 0')
    if (![rounds, events].every((n) => Number.isInteger(n) && n > 0))
      throw new Error('--rounds and --events must be whole numbers above 0')
    return { ...values, seconds, rounds, events, profiles: values['cpu-prof'] && resolve(values['cpu-prof']) }
  } catch (error) {
    throw new Trouble(`${error.message}\n\n${help}`)
  }
}

export const run = async (args, interrupt) => {
  const options = optionsOf(args)
  if (options.help) return console.log(help)
  const stateDir = mkdtempSync(join(tmpdir(), 'journey-bench-'))
  chmodSync(stateDir, 0o711) // the server's account has to get through
  const servers = await serversIn(stateDir, options.profiles)
  interrupt.addEventListener('abort', () => void servers.stop(), { once: true })
  try {
    await servers.start()
    const report = await measure(servers, options)
    console.log(options.json ? JSON.stringify(report, undefined, 2) : told(report))
  } finally {
    await servers.stop()
    await removeState(stateDir)
  }
}

const serversIn = async (stateDir, profiles) => {
  const log = silentLog()
  const ports = createPorts(stateDir)
  const postgres = createPostgres({ stateDir, port: await ports.of('postgres'), log })
  const [port, healthPort] = [await ports.of('event_store'), await ports.of('event_store_health')]
  let node
  return {
    start: async () => {
      await postgres.start()
      const main = join(root, 'packages/embedded/dist/event-store-node/main.js')
      const profiling = profiles ? ['--cpu-prof', '--cpu-prof-dir', profiles] : []
      node = createProcess({
        name: 'event-store',
        command: process.execPath,
        args: [...profiling, main, '--port', String(port), '--health-port', String(healthPort)],
        env: { EVENT_STORE_DATABASE_URL: await ensureDatabase(postgres.url(), 'event_store') },
        stateDir,
        log,
        ready: async (signal) => {
          while (!signal.aborted && !(await fetch(`http://127.0.0.1:${healthPort}/ready`).catch(() => undefined))?.ok)
            await sleep(50)
        },
      })
      await node.start()
    },
    stop: async () => {
      await node?.stop()
      await postgres.stop()
    },
    url: `esdb://127.0.0.1:${port}?tls=false`,
    databaseUrl: () => postgres.url('event_store'),
    pid: () => node.pid(),
  }
}

/** About 600 bytes of JSON, as the client sends it. */
const body = () => ({ k: randomUUID(), text: 'x'.repeat(545) })

/** Lets so many clients repeat a piece of work for a while. */
const repeated = async (clients, seconds, work) => {
  const durations = []
  const begun = performance.now()
  const until = begun + seconds * 1000
  const one = async (_, client) => {
    while (performance.now() < until) {
      const from = performance.now()
      await work(client)
      durations.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: clients }, one))
  return { rate: durations.length / ((performance.now() - begun) / 1000), ...figuresOf(durations) }
}

const measure = async (servers, { seconds, rounds, events, reads }) => {
  const before = machine()
  const client = EventStoreDBClient.connectionString(servers.url)
  const pool = new pg.Pool({ connectionString: servers.databaseUrl(), max: 64 })
  try {
    await pool.query('create table bench_rows (id uuid primary key, data jsonb not null)')
    const insert = () =>
      pool.query({ name: 'insert', text: 'insert into bench_rows values ($1, $2)', values: [randomUUID(), body()] })
    const append = (size) => {
      const streams = Array.from({ length: 64 }, () => `bench-${randomUUID()}`)
      return (n) =>
        client.appendToStream(
          streams[n],
          Array.from({ length: size }, () => jsonEvent({ type: 'Benched', data: body() })),
        )
    }
    await repeated(64, seconds, insert) // every connection is open, and all code is warm
    await repeated(64, seconds, append(1))
    const appends = []
    for (const clients of [1, 16, 64]) {
      const taken = { bare: [], one: [], ten: [] }
      for (let round = 0; round < rounds; round++) {
        taken.bare.push(await repeated(clients, seconds, insert))
        taken.one.push(await repeated(clients, seconds, append(1)))
        taken.ten.push(await repeated(clients, seconds, append(10)))
      }
      const [bare, one, ten] = [taken.bare, taken.one, taken.ten].map(medianOf)
      appends.push({
        clients,
        bare,
        one: { ...one, ratio: ratio(one.rate, bare.rate), p50_ratio: ratio(one.p50_ms, bare.p50_ms) },
        ten: { ...ten, events_rate: ten.rate * 10 },
      })
    }
    const log = reads ? await measureReads(servers, client, pool, events) : undefined
    return {
      appends,
      ...log,
      memory_mib: memoryOf(servers.pid()),
      machine: { ...before, load_after: machine().load_average },
    }
  } finally {
    await Promise.allSettled([client.dispose(), pool.end()])
  }
}

const measureReads = async (servers, client, pool, events) => {
  const { rows } = await pool.query('select count(*)::int as count from event_store.events')
  let missing = events - rows[0].count
  const fill = async () => {
    const stream = `bench-${randomUUID()}`
    while (missing > 0) {
      const size = Math.min(500, missing)
      missing -= size
      await client.appendToStream(
        stream,
        Array.from({ length: size }, () => jsonEvent({ type: 'Benched', data: body() })),
      )
    }
  }
  await Promise.all([fill(), fill(), fill(), fill()])
  await pool.query('analyze event_store.events')
  return {
    events,
    cursor: await counted(() => readByCursor(pool)),
    all: await counted(() => readAll(client)),
    catch_up: await counted(() => catchUp(client)),
  }
}

const counted = async (work) => {
  const begun = performance.now()
  const count = await work()
  return { count, rate: count / ((performance.now() - begun) / 1000) }
}

const readByCursor = async (pool) => {
  const connection = await pool.connect()
  let count = 0
  try {
    await connection.query('begin')
    await connection.query(
      `declare walk cursor for select e.*, s.name from event_store.events e join event_store.streams s on s.id = stream_id
       order by position`,
    )
    for (;;) {
      const { rows } = await connection.query('fetch 500 from walk')
      if (rows.length === 0) return count
      count += rows.length
    }
  } finally {
    await connection.query('rollback')
    connection.release()
  }
}

const readAll = async (client) => {
  let count = 0
  for await (const { event } of client.readAll()) if (event) count++
  return count
}

const catchUp = async (client) => {
  let count = 0
  const subscription = client.subscribeToAll({ fromPosition: START })
  await new Promise((caughtUp, failed) => {
    subscription.on('error', failed)
    subscription.on('caughtUp', caughtUp)
    subscription.on('data', () => count++)
  })
  await subscription.unsubscribe()
  return count
}

/** The round whose rate is in the middle. */
const medianOf = (rounds) => [...rounds].sort((a, b) => a.rate - b.rate)[Math.floor(rounds.length / 2)]
const ratio = (one, other) => Number((one / other).toFixed(2))

const memoryOf = (pid) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (name) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024)
  return { now: mib('VmRSS'), peak: mib('VmHWM') }
}

const told = ({ appends, events, cursor, all, catch_up, memory_mib, machine: on }) => {
  const whole = (value) => Math.round(value).toLocaleString('en')
  const line = (what, ...cells) => `  ${what.padEnd(34)}${cells.map((cell) => String(cell).padStart(10)).join('')}`
  const read = (what, { rate }) => line(what, whole(rate), ratio(rate, cursor.rate))
  return [
    line('appends', 'per s', 'ratio', 'p50 ms', 'ratio', 'p99 ms'),
    ...appends.flatMap(({ clients, bare, one, ten }) => [
      line(`${clients} × bare pg insert`, whole(bare.rate), '', bare.p50_ms, '', bare.p99_ms),
      line(`${clients} × one event`, whole(one.rate), one.ratio, one.p50_ms, one.p50_ratio, one.p99_ms),
      line(`${clients} × ten events, in events`, whole(ten.events_rate), '', ten.p50_ms, '', ten.p99_ms),
    ]),
    ...(all
      ? [
          '',
          line(`reading ${whole(events)} events`, 'per s', 'ratio'),
          line('bare pg cursor', whole(cursor.rate)),
          read('$all', all),
          read('catch-up subscription to $all', catch_up),
        ]
      : []),
    '',
    `the node holds ${memory_mib.now} MiB, ${memory_mib.peak} MiB at most`,
    `${on.cores} × ${on.model}, ${on.memory_mib} MiB, Node ${on.node.slice(1)}; ` +
      `load ${on.load_average.join(' ')} before, ${on.load_after.join(' ')} after`,
  ].join('\n')
}
