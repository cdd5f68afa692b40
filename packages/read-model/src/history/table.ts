import type { Selectable } from 'kysely'
import type { BusType } from '@journey/contracts'
import type { Actor, Instant, JsonObject } from '@journey/domain'
import type { JsonColumn, Position, Sealed } from '../columns.js'

/** Every event of ours, under its bus type. `client_id` and `episode` are null where an event belongs to no journey. */
export type JourneyEventsTable = {
  stream: string
  revision: number
  event_id: string
  position: Position
  client_id: string | null
  episode: number | null
  event_type: BusType
  version: string
  at: Instant
  source: string
  actor: JsonColumn<Actor>
  correlation_id: string
  causation_id: string
  /** As stored, without the tokens of attempts: whoever reads history must not be able to answer for an agent. */
  data: JsonColumn<JsonObject>
  sealed: Sealed
}

export type HistoryRow = Selectable<JourneyEventsTable>
