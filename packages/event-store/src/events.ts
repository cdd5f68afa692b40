import type { AllStreamResolvedEvent, ResolvedEvent } from '@eventstore/db-client'

/** An event on its way into a stream. `id` is a UUID that makes repeating the append harmless; `data` and `metadata` are JSON values. */
export type NewEvent = { id: string; type: string; data: unknown; metadata: Record<string, unknown> }

/** A stored event, as every reader gets it. */
export type StoredEvent = NewEvent & {
  stream: string
  /** Place in its stream, from 0, without gaps. */
  revision: number
  /** Place in the whole log: strictly increasing over all streams, with gaps. */
  position: bigint
  /** When the store wrote it, on the store's clock: ISO 8601, milliseconds, UTC. */
  createdAt: string
  /** False for an event written with another content type than JSON; its `data` is then a Buffer. */
  isJson: boolean
}

/** The client's event as ours; undefined for a link whose target is gone. Metadata that is no JSON object reads as empty. */
export const storedEventOf = (resolved: ResolvedEvent | AllStreamResolvedEvent): StoredEvent | undefined => {
  const { event } = resolved
  if (!event) return undefined
  const position = event.position?.commit ?? resolved.commitPosition
  if (position === undefined) {
    throw new Error(`event ${event.id} came without a position: EventStoreDB 22.6 or newer is needed`)
  }
  return {
    id: event.id,
    type: event.type,
    data: event.isJson ? event.data : Buffer.from(event.data),
    metadata: isRecord(event.metadata) ? event.metadata : {},
    stream: event.streamId,
    revision: Number(event.revision),
    position,
    createdAt: event.created.toISOString(),
    isJson: event.isJson,
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
