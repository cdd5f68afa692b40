import { randomUUID } from 'node:crypto'
import { decoded, firstVersion } from '@journey/contracts'
import { Journey } from '@journey/domain'
import { createEventStore, createRepository, createSnapshots } from '@journey/event-store'
import { silentLog } from '@journey/runtime'
import { figuresOf } from '../durations.mjs'
import { line, ratio } from './figures.mjs'

export const about =
  'cold loads of journeys of 10 to 10,000 events, with and without a snapshot, beside one of 100 events; hot commands'

const sizes = [10, 100, 1_000, 10_000]
/** Half of the 100 events between two snapshots: what is read after one on average. */
const tail = 50
const seconds = 1
const fold = decoded(Journey)

/** @returns per size the time of a cold load without snapshot, with one at the end, and with one 50 events before it */
export const measure = async ({ servers, options: { rounds }, progress }) => {
  const store = counting(createEventStore({ url: servers.url, log: silentLog() }))
  try {
    const ways = []
    for (const size of sizes) {
      progress(`writing journeys of ${size} events to load`)
      ways.push({ size, kind: 'without', stream: await journeyOf(store, size), taken: [] })
      ways.push({ size, kind: 'with', stream: await journeyOf(store, size, 0), taken: [] })
      if (size > 2 * tail) ways.push({ size, kind: 'tail', stream: await journeyOf(store, size, tail), taken: [] })
    }
    progress('loading them')
    for (const { stream } of ways) await loaded(store, stream) // all code is warm
    for (let round = 0; round < rounds; round++)
      for (const { stream, size, kind, taken } of ways) {
        const until = performance.now() + seconds * 1000
        do {
          const from = performance.now()
          const { revision } = await loaded(store, stream, kind !== 'without')
          taken.push(performance.now() - from)
          if (revision !== size - 1) throw new Error(`${stream} was loaded up to revision ${revision}`)
        } while (performance.now() < until)
      }
    const cold = ways.map(({ size, kind, taken }) => ({ size, kind, loads: taken.length, ...figuresOf(taken) }))
    const base = cold.find(({ size, kind }) => size === 100 && kind === 'without')
    return {
      cold: cold.map((one) => ({ ...one, ratio: ratio(one.p50_ms, base.p50_ms) })),
      hot: await hotCommands(store, ways.find(({ size, kind }) => size === 10_000 && kind === 'with').stream),
    }
  } finally {
    await store.stop()
  }
}

const repositoryOn = (store, withSnapshots = true, every = Infinity) => {
  const snapshots = createSnapshots({ store, fold, schema: Journey.stateSchema, every, log: silentLog() })
  const log = silentLog()
  return { snapshots, ...createRepository({ store, fold, capacity: 10, ...(withSnapshots && { snapshots }), log }) }
}

/** As by a process that has just started. */
const loaded = (store, stream, withSnapshots) => repositoryOn(store, withSnapshots).load(stream)

/** Commands on a journey that is in memory, and how many reads they took. */
const hotCommands = async (store, stream) => {
  const { load, transact } = repositoryOn(store)
  await load(stream)
  store.reads = 0
  const taken = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const from = performance.now()
    await transact(stream, { id: randomUUID(), digest: 'd' }, ({ revision }) => [eventAt(stream, revision + 1)])
    taken.push(performance.now() - from)
  }
  return { commands: taken.length, reads: store.reads, ...figuresOf(taken) }
}

/** A journey that is held and released, again and again, with the metadata that the command-handler writes. */
const journeyOf = async (store, size, tail) => {
  const stream = `journey-bench-${randomUUID()}`
  const append = async (from, to) => {
    for (let next = from; next < to; next += 500) {
      const events = Array.from({ length: Math.min(500, to - next) }, (_, n) => ({
        id: randomUUID(),
        ...eventAt(stream, next + n),
      }))
      await store.append(stream, next === 0 ? 'no_stream' : next - 1, events)
    }
  }
  if (tail === undefined) {
    await append(0, size)
    return stream
  }
  const snapshotAt = size - tail - 1
  await append(0, snapshotAt)
  const { transact, snapshots } = repositoryOn(store, true, 1)
  await transact(stream, { id: randomUUID() }, () => [eventAt(stream, snapshotAt)])
  await snapshots.settled()
  await append(snapshotAt + 1, size)
  return stream
}

const eventAt = (stream, revision) => {
  const of = { client_id: stream.slice('journey-'.length), episode: 1, stage: 'sandbox', visit: 1 }
  const metadata = {
    $correlationId: randomUUID(),
    $causationId: randomUUID(),
    command_digest: 'x'.repeat(43),
    version: firstVersion,
    timestamp: new Date().toISOString(),
    source: 'command-handler',
    actor: { type: 'user', id: 'dana' },
    command_type: 'journey.hold',
  }
  if (revision === 0) return { type: 'JourneyStarted', data: startOf(of), metadata }
  const reason = 'the audit of the quarter is under way'
  return revision % 2 === 1
    ? { type: 'PromotionHeld', data: { ...of, reason, held_by: 'dana' }, metadata }
    : { type: 'PromotionReleased', data: { ...of, reason, released_by: 'dana' }, metadata }
}

const startOf = ({ client_id }) => ({
  client_id,
  episode: 1,
  initial_stage: 'sandbox',
  visit: 1,
  initiated_by: 'dana',
  data_sources: ['salesforce', 'jira'],
  connectors: ['salesforce', 'jira'],
  users: ['ada'],
  pilot_cohort_size: 10,
  contract_signed: true,
  parameters: {},
})

const counting = (store) => {
  const counted = {
    ...store,
    reads: 0,
    read: (...args) => (counted.reads++, store.read(...args)),
    readEach: (...args) => (counted.reads++, store.readEach(...args)),
    readLast: (...args) => (counted.reads++, store.readLast(...args)),
  }
  return counted
}

const kinds = { without: '', with: ', snapshot at the end', tail: `, snapshot ${tail} before` }

export const told = ({ cold, hot }) => [
  line('cold loads of a journey', 'p50 ms', 'ratio', 'p99 ms', 'loads'),
  ...cold.map(({ size, kind, p50_ms, ratio, p99_ms, loads }) =>
    line(`${size} events${kinds[kind]}`, p50_ms, ratio, p99_ms, loads),
  ),
  line('hot command', hot.p50_ms, '', hot.p99_ms, hot.commands),
  `  the hot commands took ${hot.reads} reads`,
]
