import {
  bucketKey,
  bucketOf,
  exchanges,
  partitionKeyOf,
  proofHeader,
  toBus,
  type BusEvent,
  type Proofs,
  type Stored,
} from '@journey/contracts'
import { longestPropertyBytes, type Publication } from '@journey/messaging'

/**
 * A stored event as it is published to `journey.events` (CONTRACT.md section 1), proven; one of others as its publisher sent it. Undefined
 * for a type that is neither, and for an event of others of which so little is left that it has no id and no type.
 */
export const publicationOf = (stored: Stored, proofs: Proofs): Publication | undefined => {
  const event = toBus(stored)
  if (!event || typeof event.event_id !== 'string' || typeof event.event_type !== 'string') return undefined
  const clientId = (event.data as BusEvent['data'] | undefined)?.client_id
  const partitionKey = partitionKeyOf(stored.stream, typeof clientId === 'string' ? clientId : undefined)
  const { traceparent, command_at: commandAt } = stored.metadata
  const { stream, revision } = stored
  const position = String(stored.position)
  const body = Buffer.from(JSON.stringify(event))
  // What others call their events may be longer than a property can be.
  const id = Buffer.byteLength(event.event_id) > longestPropertyBytes ? stored.id : event.event_id
  return {
    exchange: exchanges.events.name,
    key: event.event_type,
    body,
    properties: {
      messageId: id,
      type: event.event_type,
      timestamp: Math.max(0, Math.floor(Date.parse(timeOf(stored)) / 1000)),
      correlationId: event.metadata.correlation_id,
      headers: {
        'schema-version': event.event_version,
        stream,
        revision,
        position,
        'partition-key': partitionKey,
        [proofHeader]: proofs.of({ id, stream, revision, position }, body),
        ...(typeof commandAt === 'string' && { 'command-at': commandAt }),
        ...(typeof traceparent === 'string' && { traceparent }),
        CC: [bucketKey(bucketOf(partitionKey))],
      },
    },
  }
}

const timeOf = ({ metadata: { timestamp }, createdAt }: Stored): string =>
  typeof timestamp === 'string' ? timestamp : createdAt

/** The same for our ordered consumers alone: for an event of which everybody else heard, and which has led to all it leads to. */
export const forOrderedConsumers = ({ properties, ...publication }: Publication): Publication => {
  const { CC, ...headers } = properties.headers ?? {}
  const [bucket] = CC as string[]
  return { ...publication, exchange: exchanges.received.name, key: bucket!, properties: { ...properties, headers } }
}
