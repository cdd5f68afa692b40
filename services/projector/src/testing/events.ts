import {
  bucketKey,
  bucketOf,
  partitionKeyOf,
  toBus,
  type Recorded,
  type Stored,
  type StoredMetadata,
} from '@journey/contracts'
import type { EventStore } from '@journey/event-store'

/** Stores a log as the command-handler would, and gives it back as it stands in the store. */
export const stored = async (store: EventStore, log: readonly Recorded[]): Promise<Stored[]> => {
  for (const { id, event, version, at, stream, revision, source, correlationId, causationId, actor } of log) {
    const metadata: StoredMetadata = {
      $correlationId: correlationId,
      $causationId: causationId,
      version,
      timestamp: at,
      source,
      actor,
      command_type: 'spec',
      command_digest: 'spec',
    }
    const expected = revision === 0 ? 'no_stream' : revision - 1
    await store.append(stream, expected, [{ id, type: event.type, data: event.data, metadata }])
  }
  const streams = [...new Set(log.map(({ stream }) => stream))]
  const all = (await Promise.all(streams.map((stream) => store.read(stream)))).flat()
  return all.sort((a, b) => (a.position < b.position ? -1 : 1))
}

/** An event as the relay publishes it to `journey.events`. */
export const publicationOf = (event: Stored) => {
  const body = toBus(event)!
  const clientId = body.data.client_id
  const group = partitionKeyOf(event.stream, typeof clientId === 'string' ? clientId : undefined)
  return { key: body.event_type, body, properties: { messageId: event.id, CC: [bucketKey(bucketOf(group))] } }
}
