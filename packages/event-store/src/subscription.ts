import { END, START, STREAM_NAME, type AllStreamResolvedEvent, type ReadPosition } from '@eventstore/db-client'
import type { Connection } from './connection.js'
import { storedEventOf, type StoredEvent } from './events.js'
import { faultOf, lost } from './faults.js'
import { pulled } from './pull.js'
import { isInside } from './stream-names.js'

export type SubscribeToAll = {
  /** Events after this position; `start`: all there are; `end`: only those stored from now on. */
  after: bigint | 'start' | 'end'
  /** Only streams whose name begins with one of these; none given: all but the system's own and the snapshots. */
  streamPrefixes?: readonly string[] | undefined
  /** Ends the subscription without an error. */
  signal?: AbortSignal | undefined
}

/**
 * What a subscription hands out, in order: an event; `checkpoint`: nothing up to this position is of interest that was
 * not handed out before, so a reader may resume after it; `caught_up`: what was stored earlier has been handed out, live
 * events follow.
 */
export type Delivery =
  { kind: 'event'; event: StoredEvent } | { kind: 'checkpoint'; position: bigint } | { kind: 'caught_up' }

export async function* deliveriesOf(
  connection: Connection,
  { after, streamPrefixes = [], signal }: SubscribeToAll,
): AsyncGenerator<Delivery, void, undefined> {
  const where = 'subscription to $all'
  const watched = streamPrefixes.length > 0 ? { prefixes: [...streamPrefixes] } : { regex: anyButSystemStreams }
  const subscription = connection.client.subscribeToAll({
    fromPosition: positionOf(after),
    filter: {
      filterOn: STREAM_NAME,
      ...watched,
      checkpointInterval,
      // Pushed into the same buffer as the events, because both of these overtake events that still wait in it.
      checkpointReached: (_, { commit }) =>
        void subscription.push({ kind: 'checkpoint', position: commit } satisfies Delivery),
    },
  })
  subscription.on('caughtUp', () => subscription.push({ kind: 'caught_up' } satisfies Delivery))
  const cancel = () => subscription.unsubscribe()
  try {
    for await (const item of pulled<AllStreamResolvedEvent | Delivery>(subscription, { connection, cancel, signal })) {
      if ('kind' in item) {
        yield item
        continue
      }
      const event = storedEventOf(item)
      if (event && !isInside(event)) yield { kind: 'event', event } // a tombstone lies in the stream it closes
    }
  } catch (error) {
    throw faultOf(error, where)
  }
  if (!signal?.aborted) throw lost(where)
}

const positionOf = (after: bigint | 'start' | 'end'): ReadPosition => {
  if (after === 'start') return START
  if (after === 'end') return END
  return { commit: after, prepare: after }
}

/** The server looks at windows of 32 events and reports its place after this many of them: every 256 events. */
const checkpointInterval = 8

const anyButSystemStreams = '^[^$]'
