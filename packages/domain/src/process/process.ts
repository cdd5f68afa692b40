import type { CheckOutcome, Criterion, Measurement } from '../gate/judge.js'
import { derivedId, workIdOf } from '../ids.js'
import type * as Journey from '../journey/journey.js'
import type { StageId } from '../journey/stages.js'
import { isMeasured, isRequired, type Catalog } from '../plan/catalog.js'
import { checkInput, doneTasks, gateWork, rollbackWork, setupWork } from '../plan/works.js'
import type * as UnitOfWork from '../unit-of-work/unit-of-work.js'
import { later, type Instant, type Json } from '../values.js'

// The stage process: what follows from what happened. Events and the present state in; commands, tasks and timers out, all
// as data. It looks at state, not at the order in which events arrive, and derives every id from the event: doing a step
// again does nothing new.

export type Event = Journey.Event | UnitOfWork.Event
export type Command = Journey.Command | UnitOfWork.Command

/** An event with what identifies it. */
export type Happened = { id: string; at: Instant; event: Event }

/** What is to be done, each safe to repeat. */
export type Step =
  /** Send a command under this id. */
  | { do: 'send'; id: string; command: Command }
  /** Create a unit of work as soon as there is room for its journey. */
  | { do: 'admit'; creation: UnitOfWork.Creation }
  /** The unit of work waits for a human alone: its journey makes room for others. */
  | { do: 'make_room'; work_id: string; client_id: string; ended: boolean }
  /** Give a task to an agent. */
  | { do: 'dispatch'; task: Started }
  /** The attempt is over: nothing waits for its result any more. */
  | { do: 'settle'; work_id: string; task_id: string; attempt: number }
  /** Send a command at a time; a timer with the same id replaces the one before. */
  | { do: 'set_timer'; id: string; kind: TimerKind; due_at: Instant; work_id: string | null; command: Command }

type Started = Extract<UnitOfWork.Event, { type: 'TaskExecutionStarted' }>['data']

export type TimerKind = 'task_timeout' | 'task_retry' | 'gate_timeout' | 're_evaluation'

/** What the process may look at. Works that were not asked for by `needsOf` and `worksBehind` are not in here. */
export type World = {
  journey: Journey.State
  works: ReadonlyMap<string, UnitOfWork.State>
  catalog: Catalog
  rules: { auto_rollback: boolean; re_evaluation_ms: number }
}

/** Which events the process reacts to, and what it must look at first. */
const needs: Record<Event['type'], ('journey' | 'work')[]> = {
  JourneyStarted: ['journey'],
  StagePromoted: ['journey'],
  RollbackCompleted: ['journey'],
  ExitEvaluationRequested: ['journey'],
  ExitCriteriaEvaluated: ['journey'],
  RollbackInitiated: ['journey'],
  JourneyCancelled: ['journey'],
  JourneyCompleted: ['journey'],
  PromotionHeld: [],
  PromotionReleased: [],
  RollbackFailed: [],
  UnitOfWorkCreated: [],
  UnitOfWorkCompleted: ['journey', 'work'],
  UnitOfWorkFailed: ['journey', 'work'],
  UnitOfWorkCancelled: ['journey', 'work'],
  TaskExecutionStarted: ['work'],
  TaskExecutionCompleted: ['work'],
  TaskExecutionFailed: ['work'],
  TaskRetryScheduled: [],
  TaskLateResultRecorded: [],
  ApprovalRequested: ['work'],
  ApprovalDecided: ['journey'],
}

/** The journey and the unit of work to look at before reacting. Tasks of a setup or a rollback speak for themselves. */
export const needsOf = (event: Event): { client_id?: string; work_id?: string } => {
  const { client_id } = event.data
  const work_id = 'work_id' in event.data ? event.data.work_id : undefined
  const speaksForItself = 'kind' in event.data && event.data.kind !== 'gate' && event.type.startsWith('TaskExecution')
  return {
    ...(needs[event.type].includes('journey') && { client_id }),
    ...(needs[event.type].includes('work') && work_id !== undefined && !speaksForItself && { work_id }),
  }
}

/** Further units of work to look at, once journey and unit of work are known. */
export const worksBehind = (event: Event, journey: Journey.State, work?: UnitOfWork.State): string[] => {
  const approvals =
    work && work.status !== 'none' ? Object.values(work.creation.approvals ?? {}).map(({ work_id }) => work_id) : []
  const leaving = journey.status !== 'none' && journey.status !== 'active' ? worksOf(journey) : []
  return event.type === 'ApprovalDecided' || event.type === 'TaskExecutionStarted' ? [] : [...approvals, ...leaving]
}

export const react = ({ id, at, event }: Happened, world: World): Step[] => {
  const send = (command: Command, ...what: (string | number)[]): Step => ({
    do: 'send',
    id: derivedId('command', id, command.type, ...what),
    command,
  })
  const { journey, catalog, rules } = world
  switch (event.type) {
    case 'JourneyStarted':
      return enter({ ...event.data, stage: event.data.initial_stage }, world, send)
    case 'StagePromoted':
    case 'RollbackCompleted':
      return enter({ ...event.data, stage: event.data.to_stage }, world, send)
    case 'ExitEvaluationRequested':
      return isAt(event.data, journey)
        ? [{ do: 'admit', creation: gateWork(catalog, event.data, event.data.n, journey.profile) }]
        : []
    case 'ExitCriteriaEvaluated':
      return isAt(event.data, journey)
        ? [...lookAgain(event.data, at, rules), ...rollBackOnIncident(event.data, rules, send)]
        : []
    case 'RollbackInitiated':
    case 'JourneyCancelled':
    case 'JourneyCompleted':
      return leave(world, send)
    case 'UnitOfWorkCreated':
      return event.data.kind === 'gate' ? [gateTimer(event.data, at, catalog)] : []
    case 'TaskExecutionStarted':
      return [{ do: 'dispatch', task: completed(event.data, world) }]
    case 'TaskExecutionCompleted':
      return [settle(event.data), ...measuredButAsked(event.data, world)]
    case 'TaskExecutionFailed':
      return [settle(event.data), ...(event.data.final ? measuredButAsked(event.data, world) : [])]
    case 'TaskRetryScheduled': {
      const { work_id, task_id, attempt, retry_at } = event.data
      const command: Command = { type: 'task.start_retry', data: { work_id, task_id, attempt } }
      return [
        {
          do: 'set_timer',
          id: `retry:${work_id}:${task_id}:${attempt}`,
          kind: 'task_retry',
          due_at: retry_at,
          work_id,
          command,
        },
      ]
    }
    case 'ApprovalRequested': {
      const { work_id, task_id } = event.data
      const work = world.works.get(work_id)
      const agreed = work && work.status !== 'none' && work.creation.parameters.auto_approve === true
      const decision: Command = {
        type: 'approval.decide',
        data: { work_id, task_id, decision: 'approve', comment: 'parameters.auto_approve' },
      }
      return agreed ? [send(decision, task_id)] : measuredButAsked(event.data, world)
    }
    case 'ApprovalDecided':
      return newEvidence(event.data, journey, send)
    case 'UnitOfWorkCompleted':
    case 'UnitOfWorkFailed':
      return [
        { do: 'make_room', work_id: event.data.work_id, client_id: event.data.client_id, ended: true },
        ...ended(event, world, send),
      ]
    case 'UnitOfWorkCancelled':
      return [
        { do: 'make_room', work_id: event.data.work_id, client_id: event.data.client_id, ended: true },
        ...cancelled(event.data, world),
      ]
    case 'PromotionHeld':
    case 'PromotionReleased':
    case 'RollbackFailed':
    case 'TaskLateResultRecorded':
      return []
  }
}

type Visit = { client_id: string; episode: number; stage: StageId; visit: number }
type Send = (command: Command, ...what: (string | number)[]) => Step
type Underway = Exclude<Journey.State, { status: 'none' }>
type Active = Extract<Journey.State, { status: 'active' }>

// ── Entering a stage ────────────────────────────────────────────────────────────────────────────────────────────────

const enter = ({ client_id, episode, stage, visit }: Visit, { journey, catalog }: World, send: Send): Step[] => {
  const of = { client_id, episode, stage, visit }
  if (!isAt(of, journey)) return []
  const creation = setupWork(catalog, of, journey.profile)
  return creation
    ? [{ do: 'admit', creation }]
    : [send({ type: 'journey.request_evaluation', data: { ...of, trigger: 'setup_completed' } })]
}

// ── The end of a unit of work ───────────────────────────────────────────────────────────────────────────────────────

const ended = (
  event: Extract<Event, { type: 'UnitOfWorkCompleted' | 'UnitOfWorkFailed' }>,
  world: World,
  send: Send,
): Step[] => {
  const { client_id, episode, stage, visit, kind, n, work_id } = event.data
  const of = { client_id, episode, stage, visit }
  const failed = event.type === 'UnitOfWorkFailed' ? event.data.reason : undefined
  const { journey, rules } = world
  if (journey.status === 'rolling_back' && kind === 'rollback')
    return [
      send({
        type: 'journey.finish_rollback',
        data: {
          ...of,
          work_id,
          outcome: failed ? 'failed' : 'completed',
          reason: failed ?? 'all that was done is undone',
        },
      }),
    ]
  if (journey.status === 'rolling_back') return undo(world)
  if (!isAt(of, journey)) return []
  if (kind === 'gate') return record(of, n, world.works.get(work_id), world)
  if (!failed) return [send({ type: 'journey.request_evaluation', data: { ...of, trigger: 'setup_completed' } })]
  if (stage === 'sandbox' || !rules.auto_rollback) return []
  return [
    send({
      type: 'journey.rollback',
      data: { client_id, reason: `setting ${stage} up failed: ${failed}`.slice(0, 2000), category: 'work_failed' },
    }),
  ]
}

/** A gate that a person cancelled is evaluated as it stands, so that another may follow; a rollback may go on now. */
const cancelled = (
  { client_id, episode, stage, visit, kind, n, work_id }: Extract<Event, { type: 'UnitOfWorkCancelled' }>['data'],
  world: World,
): Step[] => {
  const of = { client_id, episode, stage, visit }
  return kind === 'gate' && isAt(of, world.journey) ? record(of, n, world.works.get(work_id), world) : undo(world)
}

/** A check's event leaves out what its unit of work holds once for all of them. */
const completed = (task: Started, { works }: World): Started => {
  const work = task.kind === 'gate' ? works.get(task.work_id) : undefined
  return work === undefined || work.status === 'none' ? task : { ...task, input: checkInput(work.creation, task.input) }
}

// ── The gate ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** All is measured, and only humans are still asked: the gate is evaluated as it stands, and its journey makes room. */
const measuredButAsked = (
  { work_id, client_id, kind }: { work_id: string; client_id: string; kind: string },
  world: World,
): Step[] => {
  const work = world.works.get(work_id)
  if (kind !== 'gate' || work?.status !== 'in_progress') return []
  const open = Object.values(work.tasks).filter(({ status }) =>
    ['pending', 'running', 'retrying', 'asked'].includes(status),
  )
  if (open.length === 0 || open.some(({ status }) => status !== 'asked')) return []
  const { episode, stage, visit, n } = work.creation
  return [
    { do: 'make_room', work_id, client_id, ended: false },
    ...record({ client_id, episode, stage, visit }, n, work, world),
  ]
}

/** Several events may find the gate in one state; what came of the checks is the command's id, so that it is recorded once. */
const record = (of: Visit, n: number, work: UnitOfWork.State | undefined, { works }: World): Step[] => {
  if (!work || work.status === 'none') return []
  const { work_id, criteria = [] } = work.creation
  const checks = criteria.map((criterion) => outcomeOf(criterion, work, works))
  const command: Command = { type: 'journey.record_evaluation', data: { ...of, n, work_id, checks } }
  return [{ do: 'send', id: derivedId('evaluation', work_id, JSON.stringify(checks)), command }]
}

const outcomeOf = (
  criterion: Criterion,
  work: Exclude<UnitOfWork.State, { status: 'none' }>,
  works: World['works'],
): CheckOutcome => {
  if (!isMeasured(criterion))
    return decisionOn(criterion, works.get(work.creation.approvals?.[criterion.check_id]?.work_id ?? ''))
  const task = work.tasks[criterion.check_id]
  if (task?.status === 'completed')
    return { ...criterion, outcome: 'measured', measurements: measurementsIn(task.output.measurements) }
  if (task?.status === 'failed') return { ...criterion, outcome: 'failed', code: task.code, message: task.message }
  return { ...criterion, outcome: 'failed', code: 'gate/not_measured', message: `no result of ${criterion.check_id}` }
}

const decisionOn = (criterion: Criterion, work: UnitOfWork.State | undefined): CheckOutcome => {
  if (!isRequired(criterion))
    return { ...criterion, outcome: 'decided', decision: 'approve', decided_by: 'system', comment: 'not required' }
  const task = work && work.status !== 'none' ? work.tasks[criterion.check_id] : undefined
  if (task?.status !== 'decided') return { ...criterion, outcome: 'pending' }
  const { decision, decided_by, comment } = task
  return { ...criterion, outcome: 'decided', decision, decided_by, ...(comment !== undefined && { comment }) }
}

/** What a validator sent, as far as it can be read; the rest counts as not measured. */
const measurementsIn = (output: Json | undefined): Measurement[] =>
  (Array.isArray(output) ? output : []).filter(
    (one): one is Measurement & Record<string, Json> =>
      typeof one === 'object' &&
      one !== null &&
      !Array.isArray(one) &&
      typeof one.name === 'string' &&
      typeof one.value === 'number',
  )

/** A decision on an earlier gate is new evidence: what else was measured then may have changed since. */
const newEvidence = ({ work_id }: { work_id: string }, journey: Journey.State, send: Send): Step[] => {
  if (journey.status !== 'active' || journey.gate.n <= 1) return []
  const visit = visitOf(journey)
  const isEarlier = Array.from({ length: journey.gate.n - 1 }, (_, index) => gateId(visit, index + 1)).includes(work_id)
  return isEarlier ? [send({ type: 'journey.request_evaluation', data: { ...visit, trigger: 'evidence' } })] : []
}

/** Looks again after a while, and after ever longer ones, up to a day. */
const lookAgain = (
  { client_id, episode, stage, visit, n }: Visit & { n: number },
  at: Instant,
  { re_evaluation_ms }: World['rules'],
): Step[] => {
  const delay = Math.min(re_evaluation_ms * 2 ** Math.min(n - 1, 20), Math.max(re_evaluation_ms, dayMs))
  const command: Command = {
    type: 'journey.request_evaluation',
    data: { client_id, episode, stage, visit, trigger: 'scheduled' },
  }
  return [
    {
      do: 'set_timer',
      id: `re_evaluation:${client_id}`,
      kind: 're_evaluation',
      due_at: later(at, delay),
      work_id: null,
      command,
    },
  ]
}

const dayMs = 86_400_000

const rollBackOnIncident = (
  evaluated: Extract<Event, { type: 'ExitCriteriaEvaluated' }>['data'],
  { auto_rollback }: World['rules'],
  send: Send,
): Step[] => {
  const incidents = evaluated.exit_criteria_details.find(
    ({ check_id, verdict }) => check_id === 'incidents' && verdict === 'fail',
  )
  if (!incidents || !auto_rollback || evaluated.stage === 'sandbox') return []
  return [
    send({
      type: 'journey.rollback',
      data: { client_id: evaluated.client_id, reason: `incidents: ${incidents.message}`, category: 'incident' },
    }),
  ]
}

const gateTimer = ({ work_id }: UnitOfWork.Creation, at: Instant, { gate }: Catalog): Step => ({
  do: 'set_timer',
  id: `gate:${work_id}`,
  kind: 'gate_timeout',
  due_at: later(at, gate.timeout_ms),
  work_id,
  command: { type: 'unit_of_work.time_out', data: { work_id } },
})

// ── Leaving a stage backwards, or for good ──────────────────────────────────────────────────────────────────────────

/** Stops the work of the visit; a rollback begins when nothing of it is under way any more. */
const leave = (world: World, send: Send): Step[] => {
  const { journey } = world
  if (journey.status === 'none' || journey.status === 'active') return []
  const reason =
    journey.status === 'rolling_back'
      ? `the journey is rolled back to ${journey.rollback.to_stage}`
      : `the journey is ${journey.status}`
  const unfinished = worksOf(journey).filter((work_id) =>
    ['in_progress', 'failed'].includes(world.works.get(work_id)?.status ?? 'none'),
  )
  const left =
    journey.status === 'rolling_back' ? unfinished.filter((work_id) => work_id !== rollbackId(journey)) : unfinished
  return [
    ...left.map((work_id) => send({ type: 'unit_of_work.cancel', data: { work_id, reason } }, work_id)),
    ...undo(world),
  ]
}

/** The unit of work that undoes the visit, once nothing of the visit is under way. */
const undo = ({ journey, works, catalog }: World): Step[] => {
  if (journey.status !== 'rolling_back') return []
  if (leftWorks(journey).some((work_id) => works.get(work_id)?.status === 'in_progress')) return []
  const done = [...setupsBehind(journey), setupId(visitOf(journey))].flatMap((work_id) => {
    const work = works.get(work_id)
    return work && work.status !== 'none' ? doneTasks(work.creation, work.tasks) : []
  })
  return [{ do: 'admit', creation: rollbackWork(catalog, visitOf(journey), journey.profile, done) }]
}

/** Everything a visit's end may have to look at: its own setup and gates, its rollback, and the setup of the stage before. */
const worksOf = (journey: Underway): string[] => [...leftWorks(journey), ...setupsBehind(journey), rollbackId(journey)]

const leftWorks = (journey: Underway): string[] => {
  const visit = visitOf(journey)
  return [setupId(visit), ...Array.from({ length: journey.gate.n }, (_, index) => gateId(visit, index + 1))]
}

const setupsBehind = (journey: Underway): string[] => {
  if (journey.status !== 'rolling_back') return []
  const { client_id, episode, visits, rollback } = journey
  return [setupId({ client_id, episode, stage: rollback.to_stage, visit: visits[rollback.to_stage] })]
}

const setupId = (visit: Visit): string => workIdOf({ ...visit, kind: 'setup', n: 1 })
const gateId = (visit: Visit, n: number): string => workIdOf({ ...visit, kind: 'gate', n })
const rollbackId = (journey: Underway): string => workIdOf({ ...visitOf(journey), kind: 'rollback', n: 1 })

const visitOf = ({ client_id, episode, stage, visits }: Underway): Visit => ({
  client_id,
  episode,
  stage,
  visit: visits[stage],
})

const isAt = (of: Visit, journey: Journey.State): journey is Active =>
  journey.status === 'active' &&
  journey.episode === of.episode &&
  journey.stage === of.stage &&
  journey.visits[journey.stage] === of.visit

const settle = ({ work_id, task_id, attempt }: { work_id: string; task_id: string; attempt: number }): Step => ({
  do: 'settle',
  work_id,
  task_id,
  attempt,
})
