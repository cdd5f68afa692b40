import type { Selectable } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import type { JsonColumn, Position, Sealed } from '../columns.js'

/** One row each time an agent learned a pattern. What the event left out is null. */
export type PatternsTable = {
  stream: string
  revision: number
  event_id: string
  position: Position
  pattern_id: string | null
  agent_id: string | null
  pattern_type: string | null
  confidence: number | null
  learned_at: Instant
  source: string
  /** What more the event said. */
  details: JsonColumn<JsonObject>
  sealed: Sealed
}

export type PatternRow = Selectable<PatternsTable>
