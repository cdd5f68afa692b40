import {
  bucketKey,
  bucketOf,
  partitionKeyOf,
  proofHeader,
  toBus,
  type Proofs,
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

/** An event as the relay publishes it to `journey.events`; without proofs, as it did before there were any. */
export const publicationOf = (event: Stored, proofs?: Proofs) => {
  const told = toBus(event)!
  const body = Buffer.from(JSON.stringify(told))
  const clientId = told.data.client_id
  const group = partitionKeyOf(event.stream, typeof clientId === 'string' ? clientId : undefined)
  const place = { stream: event.stream, revision: event.revision, position: String(event.position) }
  const headers = { ...place, ...(proofs && { [proofHeader]: proofs.of({ id: event.id, ...place }, body) }) }
  return { key: told.event_type, body, properties: { messageId: event.id, headers, CC: [bucketKey(bucketOf(group))] } }
}
