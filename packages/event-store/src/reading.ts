import {
  StreamNotFoundError,
  type AllStreamResolvedEvent,
  type ResolvedEvent,
  type StreamingRead,
} from '@eventstore/db-client'
import type { Connection } from './connection.js'
import { storedEventOf, type StoredEvent } from './events.js'
import { faultOf, silentFor } from './faults.js'

/**
 * The events of one read call. A stream that does not exist has none. Leaving the loop early ends the call at the server.
 *
 * Reads carry no deadline of their own, so each wait for the next event is limited here; time the reader spends on an
 * event does not count.
 */
export async function* eventsOf(
  connection: Connection,
  read: StreamingRead<ResolvedEvent | AllStreamResolvedEvent>,
  limitMs: number,
  where: string,
): AsyncGenerator<StoredEvent, void, undefined> {
  read.on('error', ignore) // one that comes after the loop was left must not end the process
  const untrack = connection.track((reason) => read.destroy(reason))
  let isWaiting = true
  let isOver = false
  const timer = setTimeout(() => isWaiting && read.destroy(silentFor(limitMs, where)), limitMs)
  try {
    for await (const resolved of read) {
      isWaiting = false
      const event = storedEventOf(resolved)
      if (event) yield event
      isWaiting = true
      timer.refresh()
    }
    isOver = true
  } catch (error) {
    if (error instanceof StreamNotFoundError) isOver = true
    else throw faultOf(error, where)
  } finally {
    clearTimeout(timer)
    untrack()
    if (!isOver) {
      read.cancel().catch(ignore)
      read.destroy()
    }
  }
}

const ignore = (): void => undefined
