import { eventIdFor } from './event-ids.js'
import type { EventStore } from './event-store.js'
import type { StoredEvent } from './events.js'
import type { IdIndex } from './id-index.js'

/** What one command stored in a stream. */
export type Handled = {
  /** Revision of the last of its events. */
  revision: number
  eventTypes: readonly string[]
  /** Digest of the command's body, if it was stored. */
  digest: string | undefined
}

/**
 * Finds what a command stored in a stream, however long ago: by the id of the first event it would have, which is read, with the
 * others that follow it, only where the index says that it may stand. So a command that is new to the stream takes no reading.
 */
export const createFinding =
  (store: Pick<EventStore, 'readEach'>) =>
  async (stream: string, ids: IdIndex, commandId: string): Promise<Handled | undefined> => {
    const firstId = eventIdFor(commandId, stream, 0)
    for (const revision of ids.find(firstId)) {
      const events: StoredEvent[] = []
      for await (const event of store.readEach(stream, { from: revision })) {
        if (events.length === 0 && event.revision > revision) return { revision, eventTypes: [], digest: undefined } // truncated
        if (event.id !== eventIdFor(commandId, stream, events.length)) break
        events.push(event)
      }
      const last = events.at(-1)
      if (!last) continue
      const { command_digest: digest } = last.metadata
      return {
        revision: last.revision,
        eventTypes: events.map(({ type }) => type),
        digest: typeof digest === 'string' ? digest : undefined,
      }
    }
    return undefined
  }
