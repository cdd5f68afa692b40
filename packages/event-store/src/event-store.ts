import { BACKWARDS, END, FORWARDS, jsonEvent, START, type EventData, type JSONType } from '@eventstore/db-client'
import { conflict, malformed, type Log } from '@journey/runtime'
import { validate as isUuid } from 'uuid'
import { Connection } from './connection.js'
import type { NewEvent, StoredEvent } from './events.js'
import { faultOf, isUnknown, lost, silentFor } from './faults.js'
import { eventsOf } from './reading.js'
import { Slots } from './slots.js'
import { isInside } from './stream-names.js'
import { deliveriesOf, type Delivery, type SubscribeToAll } from './subscription.js'

/** The revision a stream must have for an append to count. */
export type Expected = number | 'no_stream' | 'any'

export type Appended = {
  /** Revision of the last event appended. */
  revision: number
  /** Position of the last event; missing when a repeated append found its events but they are no longer visible. */
  position?: bigint
}

export type ReadStream = {
  /** First revision wanted; default: the first event, or the last when reading backwards. */
  from?: number
  maxCount?: number
  direction?: 'forwards' | 'backwards'
}

/** A part of the log: its events, and the position to go on after. `isLast`: nothing was stored beyond it when it was read. */
export type Page = { events: StoredEvent[]; position: bigint | 'start'; isLast: boolean }

/**
 * EventStoreDB, as the rest of the system uses it. It connects when first used and reconnects by itself. Every method
 * throws unavailable `event-store/away` while the server is away, and `event-store/access_denied` when it refuses our user.
 */
export interface EventStore {
  /**
   * Appends events to one stream, all or none; durable when it returns.
   *
   * Safe to repeat with the same event ids and the same expectation: what is stored already is not stored again.
   *
   * @param expected revision of the last event read, `no_stream` for none, or `any`
   * @throws conflict `stream/moved`: decide again on the fresh state
   * @throws unavailable `event-store/away`: outcome unknown; repeat with the same ids
   * @throws malformed `event-store/append_too_large`
   * @throws refused `stream/deleted`: the stream is tombstoned
   */
  append(stream: string, expected: Expected, events: readonly NewEvent[]): Promise<Appended>

  /** The events of a stream in order; none when there is no such stream. @throws refused `stream/deleted` when tombstoned */
  read(stream: string, options?: ReadStream): Promise<StoredEvent[]>

  /** As `read`, one event at a time and never more in memory than a few: for long streams. */
  readEach(stream: string, options?: ReadStream): AsyncIterable<StoredEvent>

  /** The last event of a stream, if it has any. */
  readLast(stream: string): Promise<StoredEvent | undefined>

  /**
   * One page of the whole log, without the system's own events and without snapshots. Those count towards `maxCount`, so a
   * page may hold fewer events, or none, and not be the last.
   */
  readAll(options: { after: bigint | 'start'; maxCount: number }): Promise<Page>

  /**
   * The log from a position on, then live, in log order, nothing lost or repeated; without the system's own events and
   * without snapshots. A slow reader slows the server down. Ends without an error only by its `signal`.
   *
   * @throws unavailable `event-store/away` when the connection is lost: subscribe again after the last position handled
   */
  subscribeToAll(options: SubscribeToAll): AsyncIterable<Delivery>

  /** The position of the last event of the log, the system's own included; `start` when there is none. */
  end(): Promise<bigint | 'start'>

  /** Resolves when the server answers a small read within 2 s. */
  check(): Promise<void>

  /** Waits for appends under way, ends reads and subscriptions with `event-store/away`, and disconnects. */
  stop(): Promise<void>
}

/**
 * @param url `esdb://` or `esdb+discover://`; credentials in it are used on TLS only
 * @param appendLimitMs how long an append may take before its outcome counts as unknown; the client has no such limit in
 *   batches. The server itself gives up after 2 s by default.
 * @param readLimitMs how long a read may wait for the next event
 *
 * Have one per process: the client keeps the pending appends of all its instances in one place, and when one connection
 * breaks, all of them are rejected.
 */
export const createEventStore = ({
  url,
  log,
  appendLimitMs = 10_000,
  readLimitMs = 10_000,
}: {
  url: string
  log: Log
  appendLimitMs?: number
  readLimitMs?: number
}): EventStore => {
  let connection = new Connection(url)
  let closing = Promise.resolve()
  let isStopped = false
  const slots = new Slots(maxAppendsUnderWay)
  const appending = new Set<Promise<unknown>>()

  /** The connection to use now. A former one must be closed before, as its end would reject the appends of the next. */
  const connected = async (where: string): Promise<Connection> => {
    await closing
    if (isStopped) throw lost(where)
    return connection
  }

  const replace = (failed: Connection, err: Error): void => {
    if (failed !== connection || isStopped) return
    log.warn({ err }, 'event store connection replaced')
    connection = new Connection(url)
    closing = failed.close(lost('call on a connection that was replaced', err))
  }

  const append = async (stream: string, expected: Expected, events: readonly NewEvent[]): Promise<Appended> => {
    const where = `append to ${stream}`
    const data = dataOf(stream, events)
    const end = performance.now() + appendLimitMs // a clock that jumps ends nothing
    return slots.use(async () => {
      let silent: Error | undefined
      const silence = () => (silent ??= silentFor(appendLimitMs, where))
      const left = end - performance.now()
      if (left <= 0) throw silence()
      const used = await connected(where)
      try {
        const expectedRevision = typeof expected === 'number' ? BigInt(expected) : expected
        const call = used.client.appendToStream(stream, data, { expectedRevision })
        const { success, nextExpectedRevision, position } = await used.wait(call, left, silence)
        if (!success) throw conflict('stream/moved', `${where}: someone else wrote to the stream first`)
        return { revision: Number(nextExpectedRevision), ...(position && { position: position.commit }) }
      } catch (error) {
        if (error === silent || isUnknown(error)) replace(used, error as Error)
        throw faultOf(error, where)
      }
    })
  }

  async function* readEach(stream: string, options: ReadStream = {}) {
    const { from, maxCount, direction = 'forwards' } = options
    const isForwards = direction === 'forwards'
    const where = `read of ${stream}`
    const used = await connected(where)
    const read = used.client.readStream(stream, {
      direction: isForwards ? FORWARDS : BACKWARDS,
      fromRevision: from === undefined ? (isForwards ? START : END) : BigInt(from),
      ...(maxCount !== undefined && { maxCount }),
    })
    yield* eventsOf(used, read, readLimitMs, where)
  }

  return {
    append: (stream, expected, events) => {
      const appended = append(stream, expected, events)
      const settled = appended.then(ignore, ignore).finally(() => appending.delete(settled))
      appending.add(settled)
      return appended
    },

    read: (stream, options) => collect(readEach(stream, options)),

    readEach,

    readLast: async (stream) => (await collect(readEach(stream, { direction: 'backwards', maxCount: 1 })))[0],

    readAll: async ({ after, maxCount }) => {
      const where = 'read of $all'
      const used = await connected(where)
      // From a position on means including the event at it, which the caller has seen.
      const count = after === 'start' ? maxCount : maxCount + 1
      const fromPosition = after === 'start' ? START : { commit: after, prepare: after }
      const read = used.client.readAll({ fromPosition, maxCount: count })
      const all = await collect(eventsOf(used, read, readLimitMs, where))
      const events = all.filter((event) => !isInside(event) && (after === 'start' || event.position > after))
      return { events, position: all.at(-1)?.position ?? after, isLast: all.length < count }
    },

    subscribeToAll: async function* (options) {
      yield* deliveriesOf(await connected('subscription to $all'), options)
    },

    end: async () => {
      const where = 'read of the end of $all'
      const used = await connected(where)
      const read = used.client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 })
      const [last] = await collect(eventsOf(used, read, readLimitMs, where))
      return last?.position ?? 'start'
    },

    check: async () => {
      const where = 'check of the event store'
      const used = await connected(where)
      const read = used.client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 })
      await collect(eventsOf(used, read, checkLimitMs, where))
    },

    stop: async () => {
      await Promise.all(appending)
      await closing
      if (isStopped) return
      isStopped = true
      await connection.close(lost('stop'))
    },
  }
}

/**
 * Appends that may be under way at once. At sixteen messages the batch stream of the client holds further ones back when
 * the way to the server is full (Node's default for object streams); if the connection breaks then, they are rejected
 * inside the client where nobody can catch it, which ends the process. More at a time gain little: 64 callers made
 * 5,100 to 6,500 appends/s with 15 under way and 5,400 to 7,900 with 60, on two busy cores with the embedded node.
 */
const maxAppendsUnderWay = 15

const checkLimitMs = 2_000

/** Larger than any server takes in one message (16 MiB); a message too large breaks the connection for everyone. */
const maxAppendBytes = 16_000_000

/** The events in the client's form. Whatever the client could stumble over while it serialises is found here. */
const dataOf = (stream: string, events: readonly NewEvent[]): EventData[] => {
  if (stream === '') throw new TypeError('an append needs a stream name')
  if (events.length === 0) throw new TypeError(`append to ${stream}: no events were given`)
  let bytes = 0
  for (const { id, type, data, metadata } of events) {
    if (!isUuid(id)) throw new TypeError(`append to ${stream}: the event id ${id} is no UUID`)
    if (type === '') throw new TypeError(`append to ${stream}: event ${id} has no type`)
    const json = JSON.stringify(data) as string | undefined
    if (json === undefined) throw new TypeError(`append to ${stream}: the data of event ${id} is no JSON value`)
    bytes += Buffer.byteLength(json) + Buffer.byteLength(JSON.stringify(metadata))
  }
  if (bytes > maxAppendBytes) {
    throw malformed(
      'event-store/append_too_large',
      `append to ${stream}: ${bytes} bytes are more than the event store takes`,
    )
  }
  return events.map(({ id, type, data, metadata }) => jsonEvent({ id, type, data: data as JSONType, metadata }))
}

const collect = async (events: AsyncIterable<StoredEvent>): Promise<StoredEvent[]> => {
  const all: StoredEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

const ignore = (): void => undefined
