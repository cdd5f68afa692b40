import { randomUUID } from 'node:crypto'
import { EventStoreDBClient, type EventData } from '@eventstore/db-client'

/** Somebody who does to streams, by the real client, what none of our programs does. */
export type Meddler = {
  softDelete: (stream: string) => Promise<unknown>
  tombstone: (stream: string) => Promise<unknown>
  /** Hides the events before a revision. */
  truncate: (stream: string, before: number) => Promise<unknown>
  /** Writes metadata without anything in it; after a soft delete the first time only makes the stream exist again. */
  clearMetadata: (stream: string) => Promise<unknown>
  /** Appends an event with these very bytes as its data, said to be JSON or not. */
  appendBytes: (stream: string, event: { type: string; bytes: string; isJson: boolean }) => Promise<unknown>
  close: () => Promise<void>
}

export const createMeddler = (url: string): Meddler => {
  const client = EventStoreDBClient.connectionString(url)
  return {
    softDelete: (stream) => client.deleteStream(stream),
    tombstone: (stream) => client.tombstoneStream(stream),
    truncate: (stream, before) => client.setStreamMetadata(stream, { truncateBefore: before }),
    clearMetadata: (stream) => client.setStreamMetadata(stream, {}),
    appendBytes: (stream, { type, bytes, isJson }) => {
      let asked = 0
      const event = {
        id: randomUUID(),
        type,
        data: Buffer.from(bytes),
        metadata: {},
        // The client asks twice: what to say, and then how to serialise.
        get contentType() {
          return isJson && asked++ === 0 ? 'application/json' : 'application/octet-stream'
        },
      }
      return client.appendToStream(stream, event as unknown as EventData)
    },
    close: () => client.dispose(),
  }
}
