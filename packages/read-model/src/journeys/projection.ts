import type { Recorded } from '@journey/contracts'
import { stages, type Instant, type Journey, type StageId } from '@journey/domain'
import { neverBegun } from '../projection/never-begun.js'
import type { CurrentStage, JourneyRow } from './table.js'

/** The row after an event. Pure; a first event makes the row, a new episode takes it over. */
export const evolveJourney = (row: JourneyRow | undefined, recorded: Recorded<Journey.Event>): JourneyRow => {
  const { event, at, revision } = recorded
  if (event.type === 'JourneyStarted') return { ...started(event.data, recorded), created_at: row?.created_at ?? at }
  if (!row) throw neverBegun(recorded)
  const now: JourneyRow = { ...row, updated_at: at, revision }
  switch (event.type) {
    case 'ExitEvaluationRequested': {
      const { n, trigger } = event.data
      return { ...now, gate: { ...row.gate, n, trigger, running: true, requested_at: at } }
    }
    case 'ExitCriteriaEvaluated': {
      const { n, work_id, verdict, exit_criteria_results, exit_criteria_details } = event.data
      const last = { n, work_id, verdict, evaluated_at: at, exit_criteria_results, exit_criteria_details }
      return { ...now, gate: { ...row.gate, n, running: false, last } }
    }
    case 'StagePromoted': {
      const { from_stage, to_stage, visit } = event.data
      return { ...enter(now, to_stage, visit, at), completed_stages: including(row.completed_stages, from_stage) }
    }
    case 'PromotionHeld':
      return { ...now, held: { reason: event.data.reason, by: event.data.held_by, at } }
    case 'PromotionReleased':
      return { ...now, held: null }
    case 'RollbackInitiated': {
      const { to_stage, reason, category, initiated_by: by, snapshot_revision } = event.data
      const rollback = { to_stage, reason, category, by, at, snapshot_revision, failed: null }
      return { ...move(now, 'rollback', at), status: 'rolling_back', rollback }
    }
    case 'RollbackFailed': {
      const { reason, work_id } = event.data
      return { ...now, rollback: row.rollback && { ...row.rollback, failed: { reason, work_id, at } } }
    }
    case 'RollbackCompleted': {
      const { to_stage, visit } = event.data
      const completed = row.completed_stages.filter((stage) => stages.indexOf(stage) < stages.indexOf(to_stage))
      return { ...enter(now, to_stage, visit, at), status: 'active', rollback: null, completed_stages: completed }
    }
    case 'JourneyCompleted': {
      const { stage, completed_by, reason } = event.data
      return {
        ...over(now, 'completed', at, completed_by, reason),
        completed_stages: including(row.completed_stages, stage),
      }
    }
    case 'JourneyCancelled':
      return over(now, 'cancelled', at, event.data.cancelled_by, event.data.reason)
  }
}

type Started = Extract<Journey.Event, { type: 'JourneyStarted' }>['data']

const started = (data: Started, { at, revision, actor, source, correlationId, causationId }: Recorded): JourneyRow => {
  const { client_id, episode, initial_stage, visit, initiated_by } = data
  const { data_sources, connectors, users, pilot_cohort_size, contract_signed, parameters } = data
  return {
    client_id,
    current_stage: initial_stage,
    previous_stage: null,
    started_at: at,
    stage_started_at: at,
    completed_stages: [],
    metadata: { initiated_by, actor, source, correlation_id: correlationId, command_id: causationId },
    created_at: at,
    updated_at: at,
    stage: initial_stage,
    status: 'active',
    episode,
    visit,
    gate: noGate,
    held: null,
    rollback: null,
    profile: { data_sources, connectors, users, pilot_cohort_size, contract_signed, parameters },
    ended_at: null,
    ended_by: null,
    end_reason: null,
    revision,
  }
}

const noGate: JourneyRow['gate'] = { n: 0, running: false, trigger: null, requested_at: null, last: null }

const move = (row: JourneyRow, current_stage: CurrentStage, at: Instant): JourneyRow => ({
  ...row,
  current_stage,
  previous_stage: row.current_stage,
  stage_started_at: at,
})

/** A new visit has no evidence yet. */
const enter = (row: JourneyRow, stage: StageId, visit: number, at: Instant): JourneyRow => ({
  ...move(row, stage, at),
  stage,
  visit,
  gate: noGate,
})

const over = (
  row: JourneyRow,
  status: 'completed' | 'cancelled',
  at: Instant,
  ended_by: string,
  end_reason: string,
): JourneyRow => ({ ...move(row, status, at), status, rollback: null, ended_at: at, ended_by, end_reason })

const including = (completed: readonly StageId[], stage: StageId): StageId[] => [
  ...completed.filter((one) => one !== stage),
  stage,
]
