import type { Selectable } from 'kysely'
import type { Actor, CheckResult, Instant, Journey, StageId, Verdict } from '@journey/domain'
import type { JsonColumn, NullableJsonColumn, Sealed } from '../columns.js'

/** The six values of TECH-003: the stage, or what the journey is instead of being in one. */
export type CurrentStage = StageId | 'rollback' | 'completed' | 'cancelled'

export type JourneyStatus = Exclude<Journey.State['status'], 'none'>

/** The gate of the current visit; `last` is the latest evaluation in it. */
export type GateView = {
  n: number
  running: boolean
  trigger: Journey.EvaluationTrigger | null
  requested_at: Instant | null
  last: {
    n: number
    work_id: string
    verdict: Verdict
    evaluated_at: Instant
    exit_criteria_results: Record<string, boolean>
    exit_criteria_details: CheckResult[]
  } | null
}

export type HoldView = { reason: string; by: string; at: Instant }

/** A rollback under way. `failed` is the latest failure of its compensations, which can be tried again. */
export type RollbackView = {
  to_stage: StageId
  reason: string
  category: string
  by: string
  at: Instant
  snapshot_revision: number
  failed: { reason: string; work_id: string; at: Instant } | null
}

/** Where the journey came from. */
export type JourneyMetadata = {
  initiated_by: string
  actor: Actor
  source: string
  correlation_id: string
  command_id: string
}

/** One row per client: the latest episode. Times are UTC (`timestamp` without zone, as TECH-003 has it). */
export type JourneyStatesTable = {
  client_id: string
  current_stage: CurrentStage
  /** The `current_stage` before this one, in this episode. */
  previous_stage: CurrentStage | null
  started_at: Instant
  /** Since when `current_stage` is what it is. */
  stage_started_at: Instant
  completed_stages: StageId[]
  metadata: JsonColumn<JourneyMetadata>
  /** When the client's first journey started. */
  created_at: Instant
  /** When the latest event of the journey's stream happened. */
  updated_at: Instant
  /** The stage itself, also while rolling back and once over. */
  stage: StageId
  status: JourneyStatus
  episode: number
  visit: number
  gate: JsonColumn<GateView>
  held: NullableJsonColumn<HoldView>
  rollback: NullableJsonColumn<RollbackView>
  profile: JsonColumn<Journey.Profile>
  ended_at: Instant | null
  ended_by: string | null
  end_reason: string | null
  /** The revision of the journey's stream that the row stands at. */
  revision: number
  sealed: Sealed
}

export type JourneyRow = Selectable<JourneyStatesTable>
