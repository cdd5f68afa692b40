import type { JsonObject } from '@journey/domain'
import { malformed } from '@journey/runtime'
import { isSealed } from '../privacy/sealed-events.js'
import type { BusEvent, Recorded, Stored } from './event.js'
import { isReceivedStream, receivedType } from './received.js'
import { firstVersion, isSameMajor } from './upcast.js'

/** What somebody else said, under the type that they gave it; told to the read model alone. */
export type Received = { type: typeof receivedType; data: { event_type: string; data: JsonObject } }

export const isReceived = ({ type, stream }: Pick<Stored, 'type' | 'stream'>): boolean =>
  type === receivedType && isReceivedStream(stream)

/** A recorded event of others for the bus: as its publisher sent it, and in its metadata where it stands. */
export const receivedOnBus = ({ data, stream, revision, position }: Stored): BusEvent => {
  const event = data as JsonObject
  return {
    ...event,
    metadata: { ...(event.metadata as object | undefined), stream, revision, position: String(position) },
  } as unknown as BusEvent
}

/**
 * Reads an event of others as `receivedOnBus` made it, so that one healed from the store is what the bus would have brought.
 *
 * @throws malformed as `fromStored`
 */
export const readRecorded = (event: Partial<BusEvent>): Recorded<Received> => {
  if (isSealed(event))
    throw malformed('privacy/tampered', 'A sealed event of others did not open: it was changed, or belongs elsewhere')
  const { event_id: id, event_type, timestamp, source, data, event_version: version = firstVersion } = event
  const { stream, revision, position, correlation_id, causation_id }: Partial<BusEvent['metadata']> =
    event.metadata ?? {}
  if (
    typeof id !== 'string' ||
    typeof event_type !== 'string' ||
    typeof timestamp !== 'string' ||
    Number.isNaN(Date.parse(timestamp)) ||
    !isObject(data) ||
    stream === undefined ||
    !Number.isInteger(revision)
  )
    throw malformed('event/invalid', `Event ${String(id)} of others lacks its id, type, timestamp, data or place`)
  if (!isSameMajor(version, firstVersion))
    throw malformed('event/unsupported_version', `${event_type} ${version} is not known here; ${firstVersion} is`)
  return {
    id,
    event: { type: receivedType, data: { event_type, data } },
    version,
    at: new Date(timestamp).toISOString(),
    stream,
    revision: revision!,
    position: position!,
    source: source ?? 'unknown',
    correlationId: correlation_id ?? id,
    causationId: causation_id ?? id,
    actor: { type: 'unknown', id: source ?? 'unknown' },
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
