import type { Actor, Instant, JsonObject } from '@journey/domain'
import { malformed } from '@journey/runtime'
import { readJson } from '../commands/json.js'
import { busTypes, isStoredType, storedTypeOf, type DomainEvent, type StoredType } from './names.js'
import { isSealed } from '../privacy/sealed-events.js'
import { isReceivedStream } from './received.js'
import { isReceived, readRecorded, receivedOnBus, type Received } from './received-stored.js'
import { firstVersion, isSameMajor, stepsFrom, versionOf, type Lineages } from './upcast.js'

/** A fact with all that is known of it: what happened, when, where it stands, who caused it and why. One of ours, if not said otherwise. */
export type Recorded<Event extends DomainEvent | Received = DomainEvent> = {
  id: string
  event: Event
  version: string
  at: Instant
  stream: string
  /** Revisions of a stream count from 0, without holes. */
  revision: number
  /** The commit position in `$all`, a decimal number; rises over all streams. */
  position: string
  source: string
  correlationId: string
  /** The id of the command that led to the event. */
  causationId: string
  actor: Actor
}

/** Whatever the read model is made of: facts of ours, and what others said. */
export type AnyRecorded = Recorded<DomainEvent | Received>

/** Stands as true in the metadata of an event that was put back from the archive. */
export const restoredMark = 'restored'

/** The metadata stored with each event. `$correlationId` and `$causationId` are the names EventStoreDB's own tools follow. */
export type StoredMetadata = {
  $correlationId: string
  $causationId: string
  version: string
  timestamp: Instant
  source: string
  actor: Actor
  command_type: string
  command_digest: string
  /** When the command was sent, by its sender's clock; for telling how long it took to become visible. */
  command_at?: Instant
}

/** What the event store hands out of one event; structurally the adapter's own type. */
export type Stored = {
  id: string
  type: string
  data: unknown
  metadata: Record<string, unknown>
  stream: string
  revision: number
  position: bigint
  createdAt: Instant
}

/** An event as it goes over the bus (CONTRACT.md section 1). */
export type BusEvent = {
  event_id: string
  event_type: string
  event_version: string
  timestamp: Instant
  source: string
  data: JsonObject
  metadata: {
    correlation_id: string
    causation_id: string
    actor: Actor
    stream: string
    revision: number
    position: string
    schema_version: string
  }
}

/**
 * Reads a stored event.
 *
 * @returns undefined for a type that is not ours
 * @throws malformed `event/unsupported_version` for a major version that is neither ours nor leads to it, `event/invalid` for data
 *   that is no object, `privacy/tampered` for sealed data that did not open
 */
export const fromStored = (stored: Stored): Recorded | undefined => {
  if (!isStoredType(stored.type)) return undefined
  const metadata = stored.metadata as Partial<StoredMetadata>
  const version = metadata.version ?? firstVersion
  return {
    id: stored.id,
    event: readEvent(stored.type, version, stored.data),
    version,
    at: metadata.timestamp ?? stored.createdAt,
    stream: stored.stream,
    revision: stored.revision,
    position: String(stored.position),
    source: metadata.source ?? 'unknown',
    correlationId: metadata.$correlationId ?? stored.id,
    causationId: metadata.$causationId ?? stored.id,
    actor: metadata.actor ?? { type: 'unknown', id: 'unknown' },
  }
}

/** The same, of what others said, too. */
export const anyFromStored = (stored: Stored): AnyRecorded | undefined =>
  isReceived(stored) ? readRecorded(receivedOnBus(stored)) : fromStored(stored)

/**
 * The event for the bus: the stored data as it stands, in its own version, whichever that is; what others said as they said it.
 * Undefined for a type that is neither.
 */
export const toBus = (stored: Stored): BusEvent | undefined => {
  if (isReceived(stored)) return receivedOnBus(stored)
  if (!isStoredType(stored.type)) return undefined
  const { version, timestamp, source, actor, $correlationId, $causationId } = stored.metadata as Partial<StoredMetadata>
  const { stream, revision } = stored
  return {
    event_id: stored.id,
    event_type: busTypes[stored.type],
    event_version: version ?? firstVersion,
    timestamp: timestamp ?? stored.createdAt,
    source: source ?? 'unknown',
    data: stored.data as JsonObject,
    metadata: {
      correlation_id: $correlationId ?? stored.id,
      causation_id: $causationId ?? stored.id,
      actor: actor ?? { type: 'unknown', id: 'unknown' },
      stream,
      revision,
      position: String(stored.position),
      schema_version: version ?? firstVersion,
    },
  }
}

/** An event's body is a command's data and what grew from it; ours stay far below this. */
export const eventBodyLimit = 16 * 1024 * 1024

/**
 * Reads an event of ours off the bus.
 *
 * @throws malformed `event/…` or `json/…`
 */
export const fromBus = (body: Uint8Array): Recorded => readOurs(bodyOf(body))

/** The same, of what others said, too, once it came by `journey.received`; whatever names another stream is one of ours. */
export const anyFromBus = (body: Uint8Array): AnyRecorded => {
  const event = bodyOf(body)
  return isRecordedOfOthers(event) ? readRecorded(event) : readOurs(event)
}

const bodyOf = (body: Uint8Array) => readJson(body, eventBodyLimit) as Partial<BusEvent> | null

const isRecordedOfOthers = (event: Partial<BusEvent> | null): event is Partial<BusEvent> => {
  const stream: unknown = event?.metadata?.stream
  return typeof stream === 'string' && isReceivedStream(stream)
}

const readOurs = (event: Partial<BusEvent> | null): Recorded => {
  const metadata = event?.metadata
  const type = typeof event?.event_type === 'string' ? storedTypeOf(event.event_type) : undefined
  if (!event || !type)
    throw malformed('event/unknown_type', `${String(event?.event_type).slice(0, 100)} is not an event of ours`)
  if (
    typeof event.event_id !== 'string' ||
    typeof event.timestamp !== 'string' ||
    typeof metadata?.stream !== 'string' ||
    !Number.isInteger(metadata.revision)
  )
    throw malformed('event/invalid', `Event ${String(event.event_id)} lacks its id, timestamp, stream or revision`)
  const version = event.event_version ?? firstVersion
  return {
    id: event.event_id,
    event: readEvent(type, version, event.data),
    version,
    at: event.timestamp,
    stream: metadata.stream,
    revision: metadata.revision,
    position: metadata.position,
    source: event.source ?? 'unknown',
    correlationId: metadata.correlation_id,
    causationId: metadata.causation_id,
    actor: metadata.actor,
  }
}

/**
 * The domain's event in a stored one; undefined for a type that is not ours.
 *
 * @param lineages how types have changed, where it is not as this version of the code knows it
 * @throws malformed as `fromStored`
 */
export const domainEventOf = (
  { type, data, metadata }: Pick<Stored, 'type' | 'data' | 'metadata'>,
  lineages?: Lineages,
): DomainEvent | undefined =>
  isStoredType(type)
    ? readEvent(type, (metadata as Partial<StoredMetadata>).version ?? firstVersion, data, lineages)
    : undefined

const readEvent = (type: StoredType, version: string, data: unknown, lineages?: Lineages): DomainEvent => {
  const steps = stepsFrom(type, version, lineages)
  const current = versionOf(type, lineages)
  if (!isSameMajor(steps.at(-1)?.to ?? version, current))
    throw malformed('event/unsupported_version', `Version ${version} of ${type} is not known here; ${current} is`)
  if (typeof data !== 'object' || data === null || Array.isArray(data) || data instanceof Uint8Array)
    throw malformed('event/invalid', `The data of ${type} is no object`)
  if (isSealed(data))
    throw malformed('privacy/tampered', `The sealed data of ${type} did not open: it was changed, or belongs elsewhere`)
  const read = steps.reduce((older, { upcast }) => upcast(older), data as JsonObject)
  return { type, data: read } as unknown as DomainEvent
}
