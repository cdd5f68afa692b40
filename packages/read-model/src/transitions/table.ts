import type { Selectable } from 'kysely'
import type { Instant } from '@journey/domain'
import type { NullableJsonColumn, Sealed } from '../columns.js'
import type { CurrentStage } from '../journeys/table.js'

/** One row for each change of a journey's `current_stage`; the first of an episode comes from nowhere. */
export type StageTransitionsTable = {
  /** The id of the event. */
  transition_id: string
  client_id: string
  from_stage: CurrentStage | null
  to_stage: CurrentStage
  transitioned_at: Instant
  reason: string | null
  exit_criteria_results: NullableJsonColumn<Record<string, boolean>>
  /** `system`, or the id of a person or agent. */
  initiated_by: string
  episode: number
  visit: number
  revision: number
  sealed: Sealed
}

export type TransitionRow = Selectable<StageTransitionsTable>
