import { sql, type Kysely, type Transaction } from 'kysely'
import type { AnyRecorded } from '@journey/contracts'
import { journeyStream } from '@journey/domain'
import { codeOf, familyOf, malformed, messageOf } from '@journey/runtime'
import { sqlStateOf } from '../faults.js'
import type { Tables } from '../tables.js'
import { lockGates, moveGates } from './gates.js'
import { lineUp, withoutGap } from './line-up.js'
import { park, parkedWith, parkFurther, raiseLastSeen, unpark, type Parking } from './parked.js'
import type { ParkedStream } from './table.js'

/** An ordered consumer: its name, what it makes of events, and where it reads what the bus did not bring. */
export type Consumer<Result> = {
  db: Kysely<Tables>
  /** Part of the gates' keys; a promise. */
  name: string
  /** Applies events in order, each stream without gaps. What it does, it does in the transaction. */
  project: (transaction: Transaction<Tables>, events: readonly AnyRecorded[]) => Promise<Result[]>
  /** Reads revisions of a stream from the event store, both ends included, one at a time; fewer when there are fewer. */
  readMissing: (stream: string, from: number, to: number) => AsyncIterable<AnyRecorded> | Iterable<AnyRecorded>
  /** How much of what is missing goes into one transaction, over all streams. */
  slice?: Slice
}

/** Events read from the event store that are held at once at most, and their characters of JSON, the last one's not counted. */
export type Slice = { events: number; weight: number }

/**
 * Few enough to be small beside what the service holds anyway, and enough for nearly all of the gain of a batch (100 have most of it).
 * Events of others may have 256 KiB each.
 */
const usualSlice: Slice = { events: 500, weight: 8_000_000 }

/** Events that came over the bus, and parked streams that are to be tried again. */
export type Batch = { events: readonly AnyRecorded[]; freed: readonly Freed[] }

/** A parked stream that is tried again, because of another one or of itself. */
export type Freed = { stream: string; by: string }

/** What became of a batch: every event of it was applied, a duplicate or parked; healed ones came from the event store beside. */
export type Applied = {
  applied: number
  duplicates: number
  healed: number
  parked: number
  /** The streams that this batch put aside, or aside again. */
  parkedNow: Pick<ParkedStream, 'stream' | 'first_revision' | 'code' | 'message'>[]
}

/** What became of a batch in one transaction; what is not done yet, because more is missing than one slice holds, is the `rest`. */
export type AppliedSlice<Result> = Applied & { results: Result[]; rest?: Batch }

/**
 * Applies events that came over the bus, in whatever order and however often they came: each exactly once, each stream in
 * order. One transaction holds the gates and whatever the events changed. An event that cannot be applied puts its stream
 * aside, and the others go on.
 *
 * Of what the bus did not bring, it reads no more than a slice. Streams that lack nothing are through with the first; one that lacks
 * more is in the rest, to be applied by the same call again and again. Between two slices everything can end: what is applied
 * stands, and the whole batch, told again, goes on where it was. So its messages may be acknowledged when there is no rest.
 *
 * @throws unavailable when PostgreSQL or the event store is away, conflict `database/serialization` when somebody was in the way:
 *   nothing has happened, do it again
 */
export const applySlice = async <Result>(consumer: Consumer<Result>, batch: Batch): Promise<AppliedSlice<Result>> => {
  try {
    return await attempt(consumer, batch, together)
  } catch (error) {
    if (isPassing(error)) throw error
    return attempt(consumer, batch, apart)
  }
}

/** Applies a batch slice by slice, and tells what became of each. @throws as `applySlice` */
export async function* applySlices<Result>(
  consumer: Consumer<Result>,
  batch: Batch,
): AsyncGenerator<AppliedSlice<Result>, void, undefined> {
  for (let left: Batch | undefined = batch; left;) {
    const slice: AppliedSlice<Result> = await applySlice(consumer, left)
    left = slice.rest
    yield slice
  }
}

/** Applies events slice by slice, to the end. @throws as `applySlice` */
export const applyBatch = <Result>(consumer: Consumer<Result>, events: readonly AnyRecorded[]): Promise<Applied> =>
  inAll(applySlices(consumer, { events, freed: [] }))

/**
 * Tries a parked stream again, from its first revision that was not applied, and what waits for it, slice by slice; it stays parked
 * until it is through. Safe to repeat.
 */
export const retryParked = <Result>(consumer: Consumer<Result>, stream: string): Promise<Applied> =>
  inAll(applySlices(consumer, { events: [], freed: [{ stream, by: stream }] }))

/** What became of all slices. @param hear gets the results of each */
export const inAll = async <Result>(
  slices: AsyncIterable<AppliedSlice<Result>>,
  hear: (results: readonly Result[]) => void = () => undefined,
): Promise<Applied> => {
  const all: Applied = { applied: 0, duplicates: 0, healed: 0, parked: 0, parkedNow: [] }
  for await (const { applied, duplicates, healed, parked, parkedNow, results } of slices) {
    hear(results)
    all.applied += applied
    all.duplicates += duplicates
    all.healed += healed
    all.parked += parked
    all.parkedNow.push(...parkedNow)
  }
  return all
}

/**
 * Puts a stream aside, from its first revision that was not applied, without trying anything of it. One that is aside already
 * only notes what was seen; one that has all of the events stays as it is. Safe to repeat.
 */
export const parkUntried = <Result>(
  consumer: Consumer<Result>,
  stream: string,
  events: readonly AnyRecorded[],
  { code, message }: { code: string; message: string },
): Promise<AppliedSlice<Result>> =>
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
      freed: new Map(),
      left: [],
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

/**
 * One stream's share of the work: events that follow on its gate. `trouble` is why it ends before the last that was seen, if it cannot go on
 * from there; it is cut when it can, and only the slice has no room.
 */
type Plan = { stream: string; events: AnyRecorded[]; lastSeen: number; cut?: Cut; trouble?: Trouble }
/** Those of the batch that come after what is not read yet. */
type Cut = { later: readonly AnyRecorded[] }
type Trouble = { revision: number; code: string; message: string; waitsFor: string | null }

/** What was found, with the gates locked, and what is to be done. Streams of the batch without a plan stay parked. */
type Work = {
  batch: ReadonlyMap<string, AnyRecorded[]>
  gates: Map<string, number>
  parked: ReadonlyMap<string, ParkedStream>
  plans: Plan[]
  /** The parked ones that are tried again, by whom. */
  freed: Map<string, string>
  /** Parked ones that are to be tried again, for which there is no room now. */
  left: Freed[]
}

type Apply = <Result>(consumer: Consumer<Result>, transaction: Transaction<Tables>, plans: Plan[]) => Promise<Result[]>

const attempt = <Result>(consumer: Consumer<Result>, batch: Batch, apply: Apply): Promise<AppliedSlice<Result>> =>
  transacting(consumer.db, async (transaction) => {
    const work = await prepare(transaction, consumer, batch)
    const results = await apply(consumer, transaction, work.plans)
    const parkedNow = await note(transaction, consumer.name, work)
    const rest = restOf(work)
    const isDone = rest.events.length === 0 && rest.freed.length === 0
    return { ...countsOf(batch.events, work), parkedNow, results, ...(!isDone && { rest }) }
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
  { events, freed }: Batch,
): Promise<Work> => {
  const { slice = usualSlice } = consumer
  const room = { ...slice }
  const batch = byStream(events)
  const first = freed.slice(0, slice.events)
  const streams = [...new Set([...batch.keys(), ...first.map(({ stream }) => stream)])]
  const gates = await lockGates(transaction, consumer.name, streams)
  const found = await parkedWith(transaction, consumer.name, streams)
  const parked = new Map(found.map((one) => [one.stream, one]))
  const work: Work = { batch, gates, parked, plans: [], freed: new Map(), left: [] }

  const plan = async (stream: string, most: Slice): Promise<void> => {
    const { plan, read } = await planOf(consumer, stream, gates, most, batch.get(stream), parked.get(stream))
    work.plans.push(plan)
    room.events -= read.events
    room.weight -= read.weight
  }
  const free = async (some: readonly Freed[]): Promise<void> => {
    for (const one of some) {
      if (work.plans.some(({ stream }) => stream === one.stream)) continue
      if (room.events <= 0 || room.weight <= 0) {
        work.left.push(one)
        continue
      }
      work.freed.set(one.stream, one.by)
      await plan(one.stream, room)
    }
  }

  const known = [...batch.keys()].filter((stream) => !parked.has(stream))
  const lacking = known.filter((stream) => lineUp(gates.get(stream)!, batch.get(stream)!).missing.length > 0)
  // Equal shares, so that a deep gap does not keep the others waiting.
  const share = {
    events: Math.max(1, Math.floor(slice.events / lacking.length)),
    weight: slice.weight / lacking.length,
  }
  for (const stream of known) await plan(stream, share)
  await free(first)
  work.left.push(...freed.slice(first.length))

  // What waits for a stream that is there is tried again with it. It need not be new: an earlier try may have ended with its process.
  const there = new Set(
    work.plans
      .filter((one) => !one.trouble && gates.get(one.stream)! + one.events.length >= 0)
      .map(({ stream }) => stream),
  )
  const asked = new Set(freed.map(({ stream }) => stream))
  const waiting = found.flatMap(({ stream, waits_for_stream: by, first_revision, last_seen }) =>
    by !== null && there.has(by) && !asked.has(stream) ? [{ stream, by, events: last_seen - first_revision + 1 }] : [],
  )
  let expected = 0
  const fitting = waiting.filter(({ events }) => (expected += events) - events < room.events)
  const further = fitting.map(({ stream }) => stream).filter((stream) => !gates.has(stream))
  for (const [stream, revision] of await lockGates(transaction, consumer.name, further)) gates.set(stream, revision)
  await free(fitting)
  work.left.push(...waiting.slice(fitting.length))
  return work
}

/** Moves the gates, and notes which streams are parked now, which no more, and which from a later revision on. */
const note = async (
  transaction: Transaction<Tables>,
  consumer: string,
  { batch, gates, parked, plans }: Work,
): Promise<Parking[]> => {
  const planned = new Set(plans.map(({ stream }) => stream))
  const reached = plans.filter(({ events }) => events.length > 0)
  const goingOn = plans.filter(({ stream, trouble }) => !trouble && parked.has(stream))
  const through = goingOn.filter(({ cut }) => !cut).map(({ stream }) => stream)
  const parkedNow = plans.flatMap((plan) => (plan.trouble ? parkingOf(consumer, plan, plan.trouble) : []))
  await moveGates(transaction, consumer, revisionsOf(reached.map(({ stream, events }) => [stream, events])))
  await raiseLastSeen(transaction, consumer, revisionsOf([...batch].filter(([stream]) => !planned.has(stream))))
  await unpark(transaction, consumer, through)
  for (const { stream, events, lastSeen, cut } of goingOn)
    if (cut) await parkFurther(transaction, consumer, stream, gates.get(stream)! + events.length + 1, lastSeen)
  for (const one of parkedNow) await park(transaction, one)
  return parkedNow
}

/** What is left for further transactions; a stream that was put aside by this one is not. */
const restOf = ({ parked, plans, freed, left }: Work): Batch => {
  const rest: { events: AnyRecorded[]; freed: Freed[] } = { events: [], freed: [] }
  for (const { stream, cut, trouble } of plans) {
    if (!cut || trouble) continue
    if (parked.has(stream)) rest.freed.push({ stream, by: freed.get(stream)! })
    else rest.events.push(...cut.later)
  }
  rest.freed.push(...left)
  return rest
}

const countsOf = (events: readonly AnyRecorded[], work: Work) => {
  const { batch, gates, plans } = work
  const ofBatch = new Set(events)
  const done = plans.flatMap((plan) => plan.events)
  const applied = done.filter((event) => ofBatch.has(event)).length
  const duplicates = [...batch].reduce((sum, [stream, some]) => sum + lineUp(gates.get(stream)!, some).duplicates, 0)
  const parked = events.length - duplicates - applied - restOf(work).events.length
  return { applied, duplicates, healed: done.length - applied, parked }
}

/** What is to be done for a stream, with what is missing read from the event store as far as there is room, and how much that was. */
const planOf = async <Result>(
  { readMissing }: Consumer<Result>,
  stream: string,
  gates: ReadonlyMap<string, number>,
  most: Slice,
  events: readonly AnyRecorded[] = [],
  parked?: ParkedStream,
): Promise<{ plan: Plan; read: Slice }> => {
  const applied = gates.get(stream) ?? -1
  const { next, missing } = lineUp(applied, events, parked?.last_seen)
  const lastSeen = Math.max(next.at(-1)?.revision ?? -1, parked?.last_seen ?? -1)
  const healed: AnyRecorded[] = []
  let weight = 0
  let isCut = false
  let trouble: { error: unknown } | undefined
  const isFull = () => healed.length >= most.events || weight >= most.weight
  for (const { from, to } of missing) {
    let expected = from
    try {
      if (!isFull())
        for await (const event of readMissing(stream, from, Math.min(to, from + most.events - healed.length - 1))) {
          if (event.revision !== expected) break
          healed.push(event)
          weight += JSON.stringify(event.event.data).length
          expected++
          if (isFull()) break
        }
      if (expected <= to && !isFull()) trouble = { error: missingEvents(stream, expected, to) }
      isCut = expected <= to && isFull()
    } catch (error) {
      if (isPassing(error)) throw error
      trouble = { error }
    }
    if (trouble || isCut) break
  }
  const all = withoutGap(applied, lineUp(applied, [...next, ...healed]).next)
  const reached = applied + all.length
  const later = next.filter(({ revision }) => revision > reached)
  return {
    plan: {
      stream,
      events: all,
      lastSeen,
      ...(isCut && { cut: { later } }),
      ...(trouble && { trouble: troubleOf(reached + 1, trouble.error) }),
    },
    read: { events: healed.length, weight },
  }
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
