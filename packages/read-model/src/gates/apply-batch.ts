import { sql, type Kysely, type Transaction } from 'kysely'
import type { AnyRecorded } from '@journey/contracts'
import { journeyStream } from '@journey/domain'
import { codeOf, familyOf, malformed, messageOf } from '@journey/runtime'
import { sqlStateOf } from '../faults.js'
import type { Tables } from '../tables.js'
import { lockGates, moveGates } from './gates.js'
import { lineUp, withoutGap } from './line-up.js'
import { park, parkedWith, raiseLastSeen, unpark, type Parking } from './parked.js'
import type { ParkedStream } from './table.js'

/** An ordered consumer: its name, what it makes of events, and where it reads what the bus did not bring. */
export type Consumer<Result> = {
  db: Kysely<Tables>
  /** Part of the gates' keys; a promise. */
  name: string
  /** Applies events in order, each stream without gaps. What it does, it does in the transaction. */
  project: (transaction: Transaction<Tables>, events: readonly AnyRecorded[]) => Promise<Result[]>
  /** Reads revisions of a stream from the event store, both ends included; fewer when there are fewer. */
  readMissing: (stream: string, from: number, to: number) => Promise<AnyRecorded[]>
}

/** What became of a batch: every event of it was applied, a duplicate or parked; healed ones came from the event store beside. */
export type Applied<Result> = {
  applied: number
  duplicates: number
  healed: number
  parked: number
  /** The streams that this batch put aside, or aside again. */
  parkedNow: Pick<ParkedStream, 'stream' | 'first_revision' | 'code' | 'message'>[]
  results: Result[]
}

/**
 * Applies events that came over the bus, in whatever order and however often they came: each exactly once, each stream in
 * order. One transaction holds the gates and whatever the events changed. An event that cannot be applied puts its stream
 * aside, and the others go on.
 *
 * @throws unavailable when PostgreSQL or the event store is away, conflict `database/serialization` when somebody was in the way:
 *   nothing has happened, do it again
 */
export const applyBatch = <Result>(
  consumer: Consumer<Result>,
  events: readonly AnyRecorded[],
): Promise<Applied<Result>> => run(consumer, events, [])

/** Tries a parked stream again, from its first revision that was not applied, and what waits for it. Safe to repeat. */
export const retryParked = <Result>(consumer: Consumer<Result>, stream: string): Promise<Applied<Result>> =>
  run(consumer, [], [stream])

/**
 * Puts a stream aside, from its first revision that was not applied, without trying anything of it. One that is aside already
 * only notes what was seen; one that has all of the events stays as it is. Safe to repeat.
 */
export const parkUntried = <Result>(
  consumer: Consumer<Result>,
  stream: string,
  events: readonly AnyRecorded[],
  { code, message }: { code: string; message: string },
): Promise<Applied<Result>> =>
  consumer.db.transaction().execute(async (transaction) => {
    const gates = await lockGates(transaction, consumer.name, [stream])
    const applied = gates.get(stream)!
    const parked = (await parkedWith(transaction, consumer.name, [stream])).filter((one) => one.stream === stream)
    const lastSeen = Math.max(...events.map(({ revision }) => revision))
    const work: Work = {
      batch: byStream(events),
      gates,
      parked: new Map(parked.map((one) => [stream, one])),
      plans: [],
    }
    if (parked.length === 0 && lastSeen > applied)
      work.plans.push({
        stream,
        events: [],
        lastSeen,
        trouble: { revision: applied + 1, code, message, waitsFor: null },
      })
    const parkedNow = await note(transaction, consumer.name, work)
    return { ...countsOf(events, work), parkedNow, results: [] }
  })

const run = async <Result>(
  consumer: Consumer<Result>,
  events: readonly AnyRecorded[],
  retried: readonly string[],
): Promise<Applied<Result>> => {
  try {
    return await attempt(consumer, events, retried, together)
  } catch (error) {
    if (isPassing(error)) throw error
    return attempt(consumer, events, retried, apart)
  }
}

/** One stream's share of the work: events that follow on its gate. `trouble` is why it ends before the last that was seen. */
type Plan = { stream: string; events: AnyRecorded[]; lastSeen: number; trouble?: Trouble }
type Trouble = { revision: number; code: string; message: string; waitsFor: string | null }

/** What was found, with the gates locked, and what is to be done. Streams of the batch without a plan stay parked. */
type Work = {
  batch: ReadonlyMap<string, AnyRecorded[]>
  gates: Map<string, number>
  parked: ReadonlyMap<string, ParkedStream>
  plans: Plan[]
}

type Apply = <Result>(consumer: Consumer<Result>, transaction: Transaction<Tables>, plans: Plan[]) => Promise<Result[]>

const attempt = <Result>(
  consumer: Consumer<Result>,
  events: readonly AnyRecorded[],
  retried: readonly string[],
  apply: Apply,
): Promise<Applied<Result>> =>
  transacting(consumer.db, async (transaction) => {
    const work = await prepare(transaction, consumer, byStream(events), retried)
    const results = await apply(consumer, transaction, work.plans)
    const parkedNow = await note(transaction, consumer.name, work)
    return { ...countsOf(events, work), parkedNow, results }
  })

/** Within a transaction already, a part of it: what fails is undone, and the rest of it stands. */
const transacting = async <T>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<T>,
): Promise<T> => {
  if (!isTransaction(db)) return db.transaction().execute(work)
  await sql`savepoint attempt`.execute(db)
  try {
    const result = await work(db)
    await sql`release savepoint attempt`.execute(db)
    return result
  } catch (error) {
    await sql`rollback to savepoint attempt`.execute(db)
    throw error
  }
}

const isTransaction = (db: Kysely<Tables>): db is Transaction<Tables> => db.isTransaction

const prepare = async <Result>(
  transaction: Transaction<Tables>,
  consumer: Consumer<Result>,
  batch: ReadonlyMap<string, AnyRecorded[]>,
  retried: readonly string[],
): Promise<Work> => {
  const streams = [...new Set([...batch.keys(), ...retried])]
  const gates = await lockGates(transaction, consumer.name, streams)
  const found = await parkedWith(transaction, consumer.name, streams)
  const parked = new Map(found.map((one) => [one.stream, one]))
  const plan = (stream: string) => planOf(consumer, stream, gates, batch.get(stream), parked.get(stream))

  const plans: Plan[] = []
  for (const stream of streams) if (!parked.has(stream) || retried.includes(stream)) plans.push(await plan(stream))
  // What waits for a stream that goes on is tried again with it.
  const goingOn = new Set(plans.filter(({ events }) => events.length > 0).map(({ stream }) => stream))
  const waiting = found
    .filter((one) => one.waits_for_stream !== null && goingOn.has(one.waits_for_stream))
    .map(({ stream }) => stream)
    .filter((stream) => !retried.includes(stream))
  const further = waiting.filter((stream) => !gates.has(stream))
  for (const [stream, revision] of await lockGates(transaction, consumer.name, further)) gates.set(stream, revision)
  for (const stream of waiting) plans.push(await plan(stream))
  return { batch, gates, parked, plans }
}

/** Moves the gates, and notes which streams are parked now and which no more. */
const note = async (
  transaction: Transaction<Tables>,
  consumer: string,
  { batch, parked, plans }: Work,
): Promise<Parking[]> => {
  const planned = new Set(plans.map(({ stream }) => stream))
  const reached = plans.filter(({ events }) => events.length > 0)
  const through = plans.filter(({ stream, trouble }) => !trouble && parked.has(stream)).map(({ stream }) => stream)
  const parkedNow = plans.flatMap((plan) => (plan.trouble ? parkingOf(consumer, plan, plan.trouble) : []))
  await moveGates(transaction, consumer, revisionsOf(reached.map(({ stream, events }) => [stream, events])))
  await raiseLastSeen(transaction, consumer, revisionsOf([...batch].filter(([stream]) => !planned.has(stream))))
  await unpark(transaction, consumer, through)
  for (const one of parkedNow) await park(transaction, one)
  return parkedNow
}

const countsOf = (events: readonly AnyRecorded[], { batch, gates, plans }: Work) => {
  const ofBatch = new Set(events)
  const done = plans.flatMap((plan) => plan.events)
  const applied = done.filter((event) => ofBatch.has(event)).length
  const duplicates = [...batch].reduce((sum, [stream, some]) => sum + lineUp(gates.get(stream)!, some).duplicates, 0)
  return { applied, duplicates, healed: done.length - applied, parked: events.length - duplicates - applied }
}

/** What is to be done for a stream, with what is missing read from the event store. */
const planOf = async <Result>(
  { readMissing }: Consumer<Result>,
  stream: string,
  gates: ReadonlyMap<string, number>,
  events: readonly AnyRecorded[] = [],
  parked?: ParkedStream,
): Promise<Plan> => {
  const applied = gates.get(stream) ?? -1
  const { next, missing } = lineUp(applied, events, parked?.last_seen)
  const lastSeen = Math.max(next.at(-1)?.revision ?? -1, parked?.last_seen ?? -1)
  const healed: AnyRecorded[] = []
  let trouble: { error: unknown } | undefined
  for (const { from, to } of missing) {
    try {
      const found = await readMissing(stream, from, to)
      healed.push(...found)
      if (found.length <= to - from) trouble = { error: missingEvents(stream, from, to) }
    } catch (error) {
      if (isPassing(error)) throw error
      trouble = { error }
    }
    if (trouble) break
  }
  const all = withoutGap(applied, lineUp(applied, [...next, ...healed]).next)
  if (!trouble) return { stream, events: all, lastSeen }
  return { stream, events: all, lastSeen, trouble: troubleOf(applied + all.length + 1, trouble.error) }
}

const missingEvents = (stream: string, from: number, to: number) =>
  malformed(
    'projection/missing_event',
    `The event store does not give all of ${stream}@${from} to ${to}; later events cannot be applied without them`,
  )

/** All streams at once, in the order of the log, so that what refers to another stream's row finds it. */
const together: Apply = async ({ project }, transaction, plans) => {
  const events = plans.flatMap((plan) => plan.events).sort(byPosition)
  return events.length > 0 ? project(transaction, events) : []
}

/** One stream after the other; where one fails, one event after the other. What fails is undone, and ends its stream's share. */
const apart: Apply = async <Result>({ project }: Consumer<Result>, transaction: Transaction<Tables>, plans: Plan[]) => {
  const results: Result[] = []
  const inOrder = plans.filter(({ events }) => events.length > 0).sort((a, b) => byPosition(a.events[0]!, b.events[0]!))
  for (const plan of inOrder) {
    const all = await tried(transaction, () => project(transaction, plan.events))
    if (all.ok) {
      results.push(...all.result)
      continue
    }
    for (const [index, event] of plan.events.entries()) {
      const one = await tried(transaction, () => project(transaction, [event]))
      if (one.ok) {
        results.push(...one.result)
        continue
      }
      plan.trouble = troubleOf(event.revision, one.error, event)
      plan.lastSeen = Math.max(plan.lastSeen, plan.events.at(-1)!.revision)
      plan.events.splice(index)
      break
    }
  }
  return results
}

const tried = async <T>(
  transaction: Transaction<Tables>,
  work: () => Promise<T>,
): Promise<{ ok: true; result: T } | { ok: false; error: unknown }> => {
  await sql`savepoint before_it`.execute(transaction)
  try {
    const result = await work()
    await sql`release savepoint before_it`.execute(transaction)
    return { ok: true, result }
  } catch (error) {
    if (isPassing(error)) throw error
    await sql`rollback to savepoint before_it`.execute(transaction)
    return { ok: false, error }
  }
}

/** What is gone once it is done again. */
const isPassing = (error: unknown): boolean =>
  familyOf(error) === 'unavailable' || codeOf(error) === 'database/serialization'

/** A row that refers to a journey which is not there waits for that journey's stream. */
const troubleOf = (revision: number, error: unknown, event?: AnyRecorded): Trouble => {
  const state = sqlStateOf(error)
  const data = event?.event.data
  const waitsFor = state === '23503' && data && 'client_id' in data ? journeyStream(data.client_id) : null
  const code = waitsFor ? 'projection/waits_for_stream' : state ? 'projection/not_storable' : codeOf(error)
  return { revision, code, message: messageOf(error), waitsFor }
}

const parkingOf = (
  consumer: string,
  { stream, lastSeen }: Plan,
  { revision, code, message, waitsFor }: Trouble,
): Parking => ({
  consumer,
  stream,
  first_revision: revision,
  last_seen: Math.max(lastSeen, revision),
  code,
  message,
  waits_for_stream: waitsFor,
})

const byStream = (events: readonly AnyRecorded[]): Map<string, AnyRecorded[]> => {
  const streams = new Map<string, AnyRecorded[]>()
  for (const event of events) {
    const of = streams.get(event.stream)
    if (of) of.push(event)
    else streams.set(event.stream, [event])
  }
  return streams
}

const byPosition = (a: AnyRecorded, b: AnyRecorded): number => {
  const [left, right] = [BigInt(a.position), BigInt(b.position)]
  return left < right ? -1 : left > right ? 1 : a.revision - b.revision
}

const revisionsOf = (streams: readonly (readonly [string, readonly AnyRecorded[]])[]): Map<string, number> =>
  new Map(streams.map(([stream, events]) => [stream, Math.max(...events.map(({ revision }) => revision))]))
