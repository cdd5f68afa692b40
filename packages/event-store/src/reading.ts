import {
  StreamNotFoundError,
  type AllStreamResolvedEvent,
  type ResolvedEvent,
  type StreamingRead,
} from '@eventstore/db-client'
import type { Connection } from './connection.js'
import { storedEventOf, type StoredEvent } from './events.js'
import { faultOf, silentFor } from './faults.js'
import { pulled } from './pull.js'

/**
 * The events of one read call; none for a stream that does not exist. Reads carry no deadline of their own, so each wait
 * for the server is limited here.
 */
export async function* eventsOf(
  connection: Connection,
  read: StreamingRead<ResolvedEvent | AllStreamResolvedEvent>,
  limitMs: number,
  where: string,
): AsyncGenerator<StoredEvent, void, undefined> {
  const limit = { ms: limitMs, silence: () => silentFor(limitMs, where) }
  try {
    for await (const resolved of pulled<ResolvedEvent>(read, { connection, cancel: () => read.cancel(), limit })) {
      const event = storedEventOf(resolved)
      if (event) yield event
    }
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw faultOf(error, where)
  }
}
