import type { Selectable } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import type { JsonColumn, Position, Sealed } from '../columns.js'

/** Every recorded event of others, under the type that they gave it. */
export type ReceivedEventsTable = {
  stream: string
  revision: number
  /** As its publisher gave it; need not be a UUID. */
  event_id: string
  position: Position
  event_type: string
  version: string
  /** When it happened, by its publisher's clock. */
  at: Instant
  source: string
  correlation_id: string
  causation_id: string
  data: JsonColumn<JsonObject>
  sealed: Sealed
}

export type ReceivedEventRow = Selectable<ReceivedEventsTable>
