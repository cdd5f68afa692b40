import {
  bucketKey,
  bucketOf,
  exchanges,
  partitionKeyOf,
  proofHeader,
  toBus,
  type Proofs,
  type Stored,
} from '@journey/contracts'
import type { Publication } from '@journey/messaging'

/** A stored event as it is published to `journey.events` (CONTRACT.md section 1), proven; undefined for a type that is not ours. */
export const publicationOf = (stored: Stored, proofs: Proofs): Publication | undefined => {
  const event = toBus(stored)
  if (!event) return undefined
  const clientId = event.data.client_id
  const partitionKey = partitionKeyOf(stored.stream, typeof clientId === 'string' ? clientId : undefined)
  const { traceparent, command_at: commandAt } = stored.metadata
  const { stream, revision } = stored
  const position = String(stored.position)
  const body = Buffer.from(JSON.stringify(event))
  return {
    exchange: exchanges.events.name,
    key: event.event_type,
    body,
    properties: {
      messageId: event.event_id,
      type: event.event_type,
      timestamp: Math.floor(Date.parse(event.timestamp) / 1000),
      correlationId: event.metadata.correlation_id,
      headers: {
        'schema-version': event.event_version,
        stream,
        revision,
        position,
        'partition-key': partitionKey,
        [proofHeader]: proofs.of({ id: event.event_id, stream, revision, position }, body),
        ...(typeof commandAt === 'string' && { 'command-at': commandAt }),
        ...(typeof traceparent === 'string' && { traceparent }),
        CC: [bucketKey(bucketOf(partitionKey))],
      },
    },
  }
}

/** The same for our ordered consumers alone: for an event of which everybody else heard, and which has led to all it leads to. */
export const forOrderedConsumers = ({ properties, ...publication }: Publication): Publication => {
  const { CC, ...headers } = properties.headers ?? {}
  const [bucket] = CC as string[]
  return { ...publication, exchange: exchanges.received.name, key: bucket!, properties: { ...properties, headers } }
}
