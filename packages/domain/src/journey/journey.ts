import { judgeAll, type CheckOutcome, type Evaluation } from '../gate/judge.js'
import { Refusal } from '../refusal.js'
import type { Actor, Instant, JsonObject } from '../values.js'
import { stageAfter, stageBefore, type StageId } from './stages.js'

// ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the client brought when the journey started; the tasks of every stage take their inputs from it. */
export type Profile = {
  data_sources: string[]
  connectors: string[]
  users: string[]
  pilot_cohort_size: number
  contract_signed: boolean
  parameters: JsonObject
}

export type EvaluationTrigger = 'setup_completed' | 'requested' | 'evidence' | 'scheduled'
type Visit = { client_id: string; episode: number; stage: StageId; visit: number }

export type Command =
  | { type: 'journey.start'; data: { client_id: string } & Profile }
  | { type: 'journey.promote'; data: { client_id: string; to_stage?: StageId; reason?: string } }
  | { type: 'journey.validate_exit'; data: { client_id: string } }
  | { type: 'journey.hold'; data: { client_id: string; reason: string } }
  | { type: 'journey.release'; data: { client_id: string; reason: string } }
  | { type: 'journey.rollback'; data: { client_id: string; reason: string; to_stage?: StageId; category?: string } }
  | { type: 'journey.cancel'; data: { client_id: string; reason: string } }
  | { type: 'journey.complete'; data: { client_id: string; reason?: string } }
  // The saga-processor's own:
  | { type: 'journey.request_evaluation'; data: Visit & { trigger: EvaluationTrigger } }
  | { type: 'journey.record_evaluation'; data: Visit & { n: number; work_id: string; checks: CheckOutcome[] } }
  | {
      type: 'journey.finish_rollback'
      data: Visit & { work_id: string; outcome: 'completed' | 'failed'; reason: string }
    }

// ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type Results = {
  exit_criteria_results: Record<string, boolean>
  exit_criteria_details: Evaluation['exit_criteria_details']
}

export type Event =
  | {
      type: 'JourneyStarted'
      data: {
        client_id: string
        episode: number
        initial_stage: StageId
        visit: number
        initiated_by: string
      } & Profile
    }
  | { type: 'ExitEvaluationRequested'; data: Visit & { n: number; trigger: EvaluationTrigger } }
  | { type: 'ExitCriteriaEvaluated'; data: Visit & { n: number; work_id: string } & Evaluation }
  | {
      type: 'StagePromoted'
      data: {
        client_id: string
        episode: number
        from_stage: StageId
        to_stage: StageId
        visit: number
        reason: string
        initiated_by: string
      } & Results
    }
  | { type: 'PromotionHeld'; data: Visit & { reason: string; held_by: string } }
  | { type: 'PromotionReleased'; data: Visit & { reason: string; released_by: string } }
  | {
      type: 'RollbackInitiated'
      data: {
        client_id: string
        episode: number
        from_stage: StageId
        to_stage: StageId
        visit: number
        reason: string
        category: string
        initiated_by: string
        snapshot_revision: number
      }
    }
  | {
      type: 'RollbackCompleted'
      data: {
        client_id: string
        episode: number
        from_stage: StageId
        to_stage: StageId
        visit: number
        work_id: string
        reason: string
      }
    }
  | {
      type: 'RollbackFailed'
      data: {
        client_id: string
        episode: number
        from_stage: StageId
        to_stage: StageId
        visit: number
        work_id: string
        reason: string
      }
    }
  | { type: 'JourneyCancelled'; data: Visit & { reason: string; cancelled_by: string } }
  | { type: 'JourneyCompleted'; data: Visit & { reason: string; completed_by: string } & Results }

// ── State ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The gate of the current visit. `n` counts its evaluations; `running` from the request until something was measured. */
export type Gate = { n: number; running: boolean; last?: Evaluation & { n: number } }

type Underway = {
  client_id: string
  episode: number
  stage: StageId
  /** How often each stage was entered in this episode. */
  visits: Record<StageId, number>
  setup_done: boolean
  gate: Gate
  held?: { reason: string; by: string }
  profile: Profile
}

export type State =
  | { status: 'none' }
  | ({ status: 'active' } & Underway)
  | ({ status: 'rolling_back'; rollback: { to_stage: StageId; reason: string; failed?: string } } & Underway)
  | ({ status: 'completed' } & Underway)
  | ({ status: 'cancelled' } & Underway)

export const initial: State = { status: 'none' }

/** Raise it with every change to what `State` looks like or what `evolve` makes of an event: older snapshots are ignored then. */
export const stateSchema = 'journey-v1'

/** What the decision needs beside command and state: who asks, where the stream stands, and the operator's switches. */
export type Context = { actor: Actor; at: Instant; revision: number; policy: Policy }

/** The operator's switches (`infra/config/journey-orchestrator.yaml` and the environment). */
export type Policy = { enabled: boolean; auto_promotion: boolean; auto_completion: boolean }

// ── Decide ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @throws Refusal with a code of `docs/codes.md`; no events mean that it was already so */
export const decide = (command: Command, state: State, context: Context): Event[] => {
  if (command.type === 'journey.start') return start(command.data, state, context)
  if (state.status === 'none')
    throw new Refusal(
      'journey/unknown',
      `No journey of client ${command.data.client_id} was ever started: start one first`,
    )
  switch (command.type) {
    case 'journey.promote':
      return promote(command.data, underway(state), context)
    case 'journey.validate_exit':
      return requestEvaluation('requested', underway(state))
    case 'journey.hold':
      return hold(command.data.reason, underway(state), context)
    case 'journey.release':
      return release(command.data.reason, underway(state), context)
    case 'journey.rollback':
      return rollBack(command.data, underway(state), context)
    case 'journey.cancel':
      return cancel(command.data.reason, state, context)
    case 'journey.complete':
      return complete(command.data.reason, state, context)
    case 'journey.request_evaluation':
      return isCurrent(command.data, state) ? requestEvaluation(command.data.trigger, state) : []
    case 'journey.record_evaluation':
      return isCurrent(command.data, state) ? recordEvaluation(command.data, state, context) : []
    case 'journey.finish_rollback':
      return finishRollback(command.data, state)
  }
}

type Data<Type extends Command['type']> = Extract<Command, { type: Type }>['data']
type Active = Extract<State, { status: 'active' }>
type Started = Exclude<State, { status: 'none' }>

const start = (data: Data<'journey.start'>, state: State, { actor, policy }: Context): Event[] => {
  if (state.status === 'active' || state.status === 'rolling_back')
    throw new Refusal(
      'journey/already_active',
      `Client ${data.client_id} already has a journey under way, in ${state.stage}`,
    )
  if (!policy.enabled)
    throw new Refusal('journey/orchestrator_disabled', 'New journeys are switched off (JOURNEY_ORCHESTRATOR_ENABLED)')
  const episode = state.status === 'none' ? 1 : state.episode + 1
  return [
    {
      type: 'JourneyStarted',
      data: { ...data, episode, initial_stage: 'sandbox', visit: 1, initiated_by: byOf(actor) },
    },
  ]
}

const promote = (data: Data<'journey.promote'>, state: Active, context: Context): Event[] => {
  const next = stageAfter(state.stage)
  if (!next) throw new Refusal('journey/no_next_stage', `The journey is in ${state.stage}, the last stage`)
  if (data.to_stage !== undefined && data.to_stage !== next)
    throw new Refusal(
      'journey/stage_not_next',
      `From ${state.stage} a client is promoted to ${next}, not to ${data.to_stage}`,
    )
  if (state.held)
    throw new Refusal('journey/held', `Promotion is held by ${state.held.by} (${state.held.reason}): release it first`)
  const evaluation = passed(state, 'journey/exit_criteria_not_passed')
  return [promotion(state, next, evaluation, data.reason ?? 'exit criteria passed', context)]
}

const hold = (reason: string, state: Active, { actor }: Context): Event[] =>
  state.held ? [] : [{ type: 'PromotionHeld', data: { ...visitOf(state), reason, held_by: byOf(actor) } }]

const release = (reason: string, state: Active, context: Context): Event[] => {
  if (!state.held) return []
  const released: Event = {
    type: 'PromotionReleased',
    data: { ...visitOf(state), reason, released_by: byOf(context.actor) },
  }
  const last = state.gate.last
  return last ? [released, ...onward(withoutHold(state), last, context)] : [released]
}

const rollBack = (data: Data<'journey.rollback'>, state: Active, { actor, revision }: Context): Event[] => {
  const before = stageBefore(state.stage)
  if (!before)
    throw new Refusal('journey/rollback_not_possible', `The journey is in ${state.stage}: there is no stage before it`)
  if (data.to_stage !== undefined && data.to_stage !== before)
    throw new Refusal(
      'journey/rollback_not_adjacent',
      `From ${state.stage} a journey is rolled back to ${before} only, not to ${data.to_stage}`,
    )
  const { client_id, episode, stage, visits } = state
  return [
    {
      type: 'RollbackInitiated',
      data: {
        client_id,
        episode,
        from_stage: stage,
        to_stage: before,
        visit: visits[stage],
        reason: data.reason,
        category: data.category ?? 'manual',
        initiated_by: byOf(actor),
        snapshot_revision: revision,
      },
    },
  ]
}

const cancel = (reason: string, state: Started, { actor }: Context): Event[] => {
  if (state.status === 'cancelled') return []
  if (state.status === 'completed') throw over(state)
  return [{ type: 'JourneyCancelled', data: { ...visitOf(state), reason, cancelled_by: byOf(actor) } }]
}

const complete = (reason: string | undefined, state: Started, context: Context): Event[] => {
  if (state.status === 'completed') return []
  const active = underway(state)
  if (active.stage !== 'production')
    throw new Refusal(
      'journey/not_in_production',
      `The journey is in ${active.stage}; only one in production can be completed`,
    )
  return [
    completion(active, passed(active, 'journey/success_metrics_not_met'), reason ?? 'success metrics met', context),
  ]
}

const requestEvaluation = (trigger: EvaluationTrigger, state: Active): Event[] => {
  if (state.gate.running) return []
  if (trigger === 'setup_completed' ? state.setup_done : !state.setup_done) {
    if (trigger !== 'requested') return []
    throw new Refusal(
      'journey/setup_not_done',
      `The tasks that set ${state.stage} up are not all done; its exit is evaluated after them`,
    )
  }
  return [{ type: 'ExitEvaluationRequested', data: { ...visitOf(state), n: state.gate.n + 1, trigger } }]
}

/** Evidence of an earlier evaluation is void; of the current one it may come again, as when an approval is given later. */
const recordEvaluation = (data: Data<'journey.record_evaluation'>, state: Active, context: Context): Event[] => {
  if (data.n !== state.gate.n) return []
  const { n, work_id, checks } = data
  const evaluation = judgeAll(checks)
  return [
    { type: 'ExitCriteriaEvaluated', data: { ...visitOf(state), n, work_id, ...evaluation } },
    ...onward(state, evaluation, context),
  ]
}

/** What follows by itself from a gate: promotion or completion, where the operator allows it and nobody holds. */
const onward = (state: Active, evaluation: Evaluation, context: Context): Event[] => {
  if (evaluation.verdict !== 'pass' || state.held) return []
  const next = stageAfter(state.stage)
  if (next)
    return context.policy.auto_promotion ? [promotion(state, next, evaluation, 'exit criteria passed', context)] : []
  return context.policy.auto_completion ? [completion(state, evaluation, 'success metrics met', context)] : []
}

const finishRollback = (data: Data<'journey.finish_rollback'>, state: Started): Event[] => {
  if (state.status !== 'rolling_back' || !isOfVisit(data, state)) return []
  const { client_id, episode, stage, visits, rollback } = state
  const of = { client_id, episode, from_stage: stage, to_stage: rollback.to_stage, work_id: data.work_id }
  if (data.outcome === 'failed')
    return state.rollback.failed === data.reason
      ? []
      : [{ type: 'RollbackFailed', data: { ...of, visit: visits[stage], reason: data.reason } }]
  const visit = visits[rollback.to_stage] + 1
  const reason = `rolled back: ${rollback.reason}`
  return [
    { type: 'RollbackCompleted', data: { ...of, visit, reason: rollback.reason } },
    { type: 'PromotionHeld', data: { client_id, episode, stage: rollback.to_stage, visit, reason, held_by: 'system' } },
  ]
}

// ── Rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const underway = (state: Started): Active => {
  if (state.status === 'rolling_back')
    throw new Refusal(
      'journey/rolling_back',
      `The journey is being rolled back to ${state.rollback.to_stage}: wait until that is done`,
    )
  if (state.status !== 'active') throw over(state)
  return state
}

const over = (state: Started): Refusal =>
  new Refusal(`journey/${state.status}`, `The journey of client ${state.client_id} is ${state.status}; start a new one`)

const passed = (state: Active, code: string): Evaluation => {
  const last = state.gate.last
  if (last?.verdict === 'pass') return last
  const details = (last?.exit_criteria_details ?? []).filter(({ passed }) => !passed)
  if (!last)
    throw new Refusal(code, `The exit of ${state.stage} was not evaluated yet`, [
      { field: state.stage, code: 'not_evaluated', message: 'no evaluation in this visit' },
    ])
  const names = details.map(({ check_id }) => check_id).join(', ')
  throw new Refusal(
    code,
    `The exit of ${state.stage} is not passed: ${names}`,
    details.map(({ check_id, verdict, message }) => ({ field: check_id, code: verdict, message })),
  )
}

const promotion = (state: Active, to: StageId, evaluation: Evaluation, reason: string, { actor }: Context): Event => ({
  type: 'StagePromoted',
  data: {
    client_id: state.client_id,
    episode: state.episode,
    from_stage: state.stage,
    to_stage: to,
    visit: state.visits[to] + 1,
    reason,
    initiated_by: byOf(actor),
    ...resultsOf(evaluation),
  },
})

const completion = (state: Active, evaluation: Evaluation, reason: string, { actor }: Context): Event => ({
  type: 'JourneyCompleted',
  data: { ...visitOf(state), reason, completed_by: byOf(actor), ...resultsOf(evaluation) },
})

/** Who stands in the records: a person's or agent's id, or `system` for what happened by itself (TECH-003 section 4.1). */
const byOf = ({ type, id }: Actor): string => (type === 'system' ? 'system' : id)

const resultsOf = ({ exit_criteria_results, exit_criteria_details }: Evaluation): Results => ({
  exit_criteria_results,
  exit_criteria_details,
})

const visitOf = ({ client_id, episode, stage, visits }: Underway): Visit => ({
  client_id,
  episode,
  stage,
  visit: visits[stage],
})

const isOfVisit = (of: Visit, state: Underway): boolean =>
  of.episode === state.episode && of.stage === state.stage && of.visit === state.visits[state.stage]

const isCurrent = (of: Visit, state: Started): state is Active => state.status === 'active' && isOfVisit(of, state)

// ── Evolve ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const evolve = (state: State, event: Event): State => {
  if (event.type === 'JourneyStarted') return begin(event.data)
  if (state.status === 'none') return state
  switch (event.type) {
    case 'ExitEvaluationRequested':
      return { ...state, setup_done: true, gate: { ...state.gate, n: event.data.n, running: true } }
    case 'ExitCriteriaEvaluated': {
      const { n, verdict, exit_criteria_results, exit_criteria_details } = event.data
      return {
        ...state,
        gate: { n, running: false, last: { n, verdict, exit_criteria_results, exit_criteria_details } },
      }
    }
    case 'StagePromoted':
      return { ...enter(state, event.data.to_stage, event.data.visit), status: 'active' }
    case 'PromotionHeld':
      return { ...state, held: { reason: event.data.reason, by: event.data.held_by } }
    case 'PromotionReleased':
      return withoutHold(state)
    case 'RollbackInitiated':
      return {
        ...common(state),
        status: 'rolling_back',
        rollback: { to_stage: event.data.to_stage, reason: event.data.reason },
      }
    case 'RollbackFailed':
      return state.status === 'rolling_back'
        ? { ...state, rollback: { ...state.rollback, failed: event.data.reason } }
        : state
    case 'RollbackCompleted':
      return { ...enter(state, event.data.to_stage, event.data.visit), status: 'active' }
    case 'JourneyCancelled':
      return { ...common(state), status: 'cancelled' }
    case 'JourneyCompleted':
      return { ...common(state), status: 'completed' }
  }
}

const begin = ({
  client_id,
  episode,
  initial_stage,
  visit,
  data_sources,
  connectors,
  users,
  pilot_cohort_size,
  contract_signed,
  parameters,
}: Extract<Event, { type: 'JourneyStarted' }>['data']): State => ({
  status: 'active',
  client_id,
  episode,
  stage: initial_stage,
  visits: { sandbox: 0, pilot: 0, production: 0, [initial_stage]: visit },
  setup_done: false,
  gate: { n: 0, running: false },
  profile: { data_sources, connectors, users, pilot_cohort_size, contract_signed, parameters },
})

/** Entering a stage: a new visit with nothing done and no evidence. A hold stays until someone releases it. */
const enter = (state: Started, stage: StageId, visit: number): Underway => ({
  ...common(state),
  stage,
  visits: { ...state.visits, [stage]: visit },
  setup_done: false,
  gate: { n: 0, running: false },
})

const common = ({ client_id, episode, stage, visits, setup_done, gate, held, profile }: Started): Underway => ({
  client_id,
  episode,
  stage,
  visits,
  setup_done,
  gate,
  ...(held && { held }),
  profile,
})

const withoutHold = <S extends Started>({ held: _, ...state }: S): S => state as S

/** The state that a history of events leads to. */
export const fold = (events: readonly Event[]): State => events.reduce(evolve, initial)
