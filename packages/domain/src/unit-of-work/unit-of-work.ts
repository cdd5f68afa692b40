import { derivedId, type WorkKey, type WorkKind } from '../ids.js'
import type { StageId } from '../journey/stages.js'
import type { Criterion } from '../gate/judge.js'
import type { Plan, PlannedTask } from '../plan/template.js'
import { Refusal } from '../refusal.js'
import { later, type Actor, type Instant, type JsonObject } from '../values.js'
import { outputProblems, resolveInputs } from './inputs.js'
import { retryDelay } from './retry.js'

// ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Everything a unit of work is made from; pinned into UnitOfWorkCreated, so that later changes of templates leave it alone. */
export type Creation = WorkKey & {
  work_id: string
  plan: Plan
  /** What tasks may take their inputs from beside upstream outputs: the stage's parameters over the journey's. */
  inputs: JsonObject
  /** The journey's `parameters`; they go with every task. */
  parameters: JsonObject
  /** For a gate: the checks with their thresholds, and where the human decisions of this visit are kept. */
  criteria?: Criterion[]
  approvals?: Record<string, { work_id: string }>
}

export type Command =
  | { type: 'unit_of_work.create'; data: Creation }
  | { type: 'unit_of_work.retry'; data: { work_id: string; task_id?: string } }
  | { type: 'unit_of_work.cancel'; data: { work_id: string; reason: string } }
  | {
      type: 'task.complete'
      data: { work_id: string; task_id: string; attempt: number; token: string; output: JsonObject; agent_id?: string }
    }
  | {
      type: 'task.fail'
      data: {
        work_id: string
        task_id: string
        attempt: number
        token: string
        code: string
        message?: string
        retryable: boolean
        agent_id?: string
      }
    }
  | { type: 'approval.decide'; data: { work_id: string; task_id: string; decision: Decision; comment?: string } }
  // The saga-processor's own, from its timers:
  | { type: 'task.time_out'; data: { work_id: string; task_id: string; attempt: number } }
  | { type: 'task.start_retry'; data: { work_id: string; task_id: string; attempt: number } }
  | { type: 'unit_of_work.time_out'; data: { work_id: string } }

export type Decision = 'approve' | 'reject'

// ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type OfWork = { work_id: string; client_id: string; stage: StageId; kind: WorkKind }
type OfTask = OfWork & { task_id: string }
type Ended = OfWork & {
  episode: number
  visit: number
  n: number
  results: Record<string, TaskResult>
}

/** What came of one task. */
export type TaskResult =
  | { status: 'completed'; output: JsonObject; agent_id: string | null }
  | { status: 'decided'; decision: Decision; decided_by: string; comment?: string }
  | { status: 'failed'; code: string; message: string }
  | { status: 'open' }

export type Event =
  | { type: 'UnitOfWorkCreated'; data: Creation }
  | {
      type: 'TaskExecutionStarted'
      data: OfTask & {
        name: string
        intent: string
        attempt: number
        token: string
        timeout_ms: number
        input: JsonObject
        target_agent: string | null
        failed_agent: string | null
      }
    }
  | { type: 'TaskExecutionCompleted'; data: OfTask & { attempt: number; output: JsonObject; agent_id: string | null } }
  | {
      type: 'TaskExecutionFailed'
      data: OfTask & {
        attempt: number
        code: string
        message: string
        retryable: boolean
        agent_id: string | null
        final: boolean
      }
    }
  | { type: 'TaskRetryScheduled'; data: OfTask & { attempt: number; delay_ms: number; retry_at: Instant } }
  | {
      type: 'TaskLateResultRecorded'
      data: OfTask & {
        attempt: number
        outcome: 'completed' | 'failed'
        output: JsonObject | null
        code: string | null
        message: string | null
        agent_id: string | null
      }
    }
  | { type: 'ApprovalRequested'; data: OfTask & { name: string } }
  | { type: 'ApprovalDecided'; data: OfTask & { decision: Decision; comment: string | null; decided_by: string } }
  | { type: 'UnitOfWorkCompleted'; data: Ended }
  | { type: 'UnitOfWorkFailed'; data: Ended & { failed_tasks: string[]; reason: string } }
  | {
      type: 'UnitOfWorkCancelled'
      data: OfWork & {
        episode: number
        visit: number
        n: number
        reason: string
        cancelled_by: string
      }
    }

// ── State ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `heard`: the results that came for it so far, each in one line; the same again is nothing new. */
export type Attempt = { attempt: number; token: string; heard: string[] }

/** Where one task stands. `attempts` were started so far, `since_retry` of them after somebody last asked for a retry. */
export type TaskState = { attempts: Attempt[]; since_retry: number; failed_agent: string | null } & (
  | { status: 'pending' }
  | { status: 'running' }
  | { status: 'retrying'; attempt: number }
  | { status: 'asked' }
  | { status: 'completed'; output: JsonObject; agent_id: string | null; attempt: number }
  | { status: 'decided'; decision: Decision; decided_by: string; comment?: string }
  | { status: 'failed'; code: string; message: string }
)

type Existing = { creation: Creation; tasks: Record<string, TaskState> }

export type State =
  | { status: 'none' }
  | ({ status: 'in_progress' } & Existing)
  | ({ status: 'completed' } & Existing)
  | ({ status: 'failed' } & Existing)
  | ({ status: 'cancelled'; reason: string; by: string } & Existing)

export const initial: State = { status: 'none' }

/** Raise it with every change to what `State` looks like or what `evolve` makes of an event: older snapshots are ignored then. */
export const stateSchema = 'unit_of_work-v1'

/** `entropy` is drawn per command; the tokens of the attempts it starts are made from it, so that nobody can guess them. */
export type Context = { actor: Actor; at: Instant; entropy: string }

// ── Decide ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @throws Refusal with a code of `docs/codes.md`; no events mean that it was already so */
export const decide = (command: Command, state: State, context: Context): Event[] => {
  if (command.type === 'unit_of_work.create') return state.status === 'none' ? create(command.data, context) : []
  if (state.status === 'none')
    throw new Refusal('unit_of_work/unknown', `There is no unit of work ${command.data.work_id}`)
  switch (command.type) {
    case 'unit_of_work.retry':
      return retry(command.data.task_id, state, context)
    case 'unit_of_work.cancel':
      return cancel(command.data.reason, state, context)
    case 'task.complete':
      return completeTask(command.data, state, context)
    case 'task.fail':
      return failTask(command.data, state, context)
    case 'approval.decide':
      return decideApproval(command.data, state, context)
    case 'task.time_out':
      return timeOutTask(command.data, state, context)
    case 'task.start_retry':
      return startRetry(command.data, state, context)
    case 'unit_of_work.time_out':
      return timeOut(state, context)
  }
}

type Data<Type extends Command['type']> = Extract<Command, { type: Type }>['data']
type Started = Exclude<State, { status: 'none' }>

const create = (creation: Creation, context: Context): Event[] =>
  goOn([{ type: 'UnitOfWorkCreated', data: creation }], initial, context)

const retry = (taskId: string | undefined, state: Started, context: Context): Event[] => {
  if (taskId !== undefined && !Object.hasOwn(state.tasks, taskId)) throw unknownTask(state, taskId)
  if (state.status === 'cancelled' && state.by === 'system')
    throw new Refusal(
      'unit_of_work/cancelled',
      `Unit of work ${state.creation.work_id} was cancelled with its visit (${state.reason}); its tasks are not tried again`,
    )
  const failed = plannedTasks(state).filter(
    ({ task_id }) => isFailed(state.tasks[task_id]!) && (taskId ?? task_id) === task_id,
  )
  if (failed.length === 0) return []
  return goOn(
    failed.flatMap((task) => begin(task, state, context)),
    state,
    context,
  )
}

/** Failed for good, or decided against. */
const isFailed = (task: TaskState): boolean =>
  task.status === 'failed' || (task.status === 'decided' && task.decision === 'reject')

const cancel = (reason: string, state: Started, { actor }: Context): Event[] => {
  if (state.status === 'cancelled') return []
  if (state.status === 'completed')
    throw new Refusal('unit_of_work/completed', `Unit of work ${state.creation.work_id} is completed already`)
  return [
    {
      type: 'UnitOfWorkCancelled',
      data: { ...keyOf(state), reason, cancelled_by: actor.type === 'system' ? 'system' : actor.id },
    },
  ]
}

const completeTask = (data: Data<'task.complete'>, state: Started, context: Context): Event[] => {
  const planned = taskOf(state, data.task_id)
  const agent_id = data.agent_id ?? null
  const standing = standingOf(data, completion(data.output), state)
  if (standing === 'known') return []
  if (standing === 'late')
    return [
      {
        type: 'TaskLateResultRecorded',
        data: {
          ...ofTask(state, data.task_id),
          attempt: data.attempt,
          outcome: 'completed',
          output: data.output,
          code: null,
          message: null,
          agent_id,
        },
      },
    ]
  const problems = outputProblems(planned.output_schema, data.output)
  if (problems.length > 0)
    return failure(
      planned,
      data.attempt,
      { code: 'task/invalid_output', message: problems.join('; '), retryable: true, agent_id },
      state,
      context,
    )
  return goOn(
    [
      {
        type: 'TaskExecutionCompleted',
        data: { ...ofTask(state, data.task_id), attempt: data.attempt, output: data.output, agent_id },
      },
    ],
    state,
    context,
  )
}

const failTask = (data: Data<'task.fail'>, state: Started, context: Context): Event[] => {
  const planned = taskOf(state, data.task_id)
  const { attempt, code, retryable } = data
  const message = data.message ?? code
  const agent_id = data.agent_id ?? null
  const standing = standingOf(data, failureOf(code), state)
  if (standing === 'known') return []
  if (standing === 'late')
    return [
      {
        type: 'TaskLateResultRecorded',
        data: { ...ofTask(state, data.task_id), attempt, outcome: 'failed', output: null, code, message, agent_id },
      },
    ]
  return failure(planned, attempt, { code, message, retryable, agent_id }, state, context)
}

const decideApproval = (
  { task_id, decision, comment }: Data<'approval.decide'>,
  state: Started,
  context: Context,
): Event[] => {
  const task = state.tasks[taskOf(state, task_id).task_id]!
  if (task.status === 'decided' && task.decision === decision) return []
  if (task.status === 'decided')
    throw new Refusal(
      'approval/already_decided',
      `${task_id} was decided already: ${task.decision} by ${task.decided_by}`,
    )
  if (task.status !== 'asked' || state.status !== 'in_progress')
    throw new Refusal(
      'approval/not_open',
      `${task_id} of unit of work ${state.creation.work_id} does not wait for a decision`,
    )
  const decided: Event = {
    type: 'ApprovalDecided',
    data: { ...ofTask(state, task_id), decision, comment: comment ?? null, decided_by: context.actor.id },
  }
  return goOn([decided], state, context)
}

const timeOutTask = ({ task_id, attempt }: Data<'task.time_out'>, state: Started, context: Context): Event[] => {
  if (!isRunning(state, task_id, attempt)) return []
  const planned = taskOf(state, task_id)
  const message = `no result within ${planned.timeout_ms / 1000} s`
  return failure(planned, attempt, { code: 'task/timed_out', message, retryable: true, agent_id: null }, state, context)
}

const startRetry = ({ task_id, attempt }: Data<'task.start_retry'>, state: Started, context: Context): Event[] => {
  const task = state.tasks[task_id]
  if (state.status !== 'in_progress' || task?.status !== 'retrying' || task.attempt !== attempt) return []
  return goOn(begin(taskOf(state, task_id), state, context), state, context)
}

/** The time for a gate is up: what has no result by then has failed; decisions of humans stay open. */
const timeOut = (state: Started, context: Context): Event[] => {
  if (state.status !== 'in_progress') return []
  const late = plannedTasks(state).filter(({ task_id }) =>
    ['pending', 'running', 'retrying'].includes(state.tasks[task_id]!.status),
  )
  const failed = late.map(({ task_id, intent }): Event => ({
    type: 'TaskExecutionFailed',
    data: {
      ...ofTask(state, task_id),
      attempt: state.tasks[task_id]!.attempts.length,
      code: 'gate/timed_out',
      message: `no result of ${intent} in time`,
      retryable: false,
      agent_id: null,
      final: true,
    },
  }))
  return failed.length > 0 ? goOn(failed, state, context) : []
}

// ── Rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Events so far, and all that follows from them in the same append: tasks whose dependencies are done start together; when
 * nothing can go on, the unit of work completes or fails.
 */
const goOn = (events: readonly Event[], before: State, context: Context): Event[] => {
  const all = [...events]
  let state = all.reduce(evolve, before)
  for (;;) {
    const next = state.status === 'in_progress' || state.status === 'failed' ? following(state, context) : []
    if (next.length === 0) return all
    all.push(...next)
    state = next.reduce(evolve, state)
  }
}

const following = (state: Started, context: Context): Event[] => {
  if (state.status !== 'in_progress') return []
  const ready = plannedTasks(state).filter(
    (task) => state.tasks[task.task_id]!.status === 'pending' && task.depends_on.every((id) => isDone(state.tasks[id])),
  )
  if (ready.length > 0) return ready.flatMap((task) => begin(task, state, context))
  const tasks = Object.entries(state.tasks)
  if (tasks.some(([, { status }]) => ['running', 'retrying', 'asked'].includes(status))) return []
  const results = resultsOf(state)
  const failed = tasks.filter(([, task]) => isFailed(task)).map(([id]) => id)
  if (failed.length === 0) return [{ type: 'UnitOfWorkCompleted', data: { ...keyOf(state), results } }]
  const reason = failed.map((id) => `${id}: ${reasonOf(state.tasks[id]!)}`).join('; ')
  return [{ type: 'UnitOfWorkFailed', data: { ...keyOf(state), results, failed_tasks: failed, reason } }]
}

const reasonOf = (task: TaskState): string => (task.status === 'failed' ? `${task.message} (${task.code})` : 'rejected')

const begin = (task: PlannedTask, state: Started, { entropy }: Context): Event[] => {
  const of = ofTask(state, task.task_id)
  if (task.kind === 'human') return [{ type: 'ApprovalRequested', data: { ...of, name: task.name } }]
  const { attempts, failed_agent } = state.tasks[task.task_id]!
  const attempt = attempts.length + 1
  const { input, problems } = resolveInputs(task, sourcesOf(task, state))
  if (problems.length > 0)
    return [
      {
        type: 'TaskExecutionFailed',
        data: {
          ...of,
          attempt: attempts.length,
          code: 'task/missing_input',
          message: problems.join('; '),
          retryable: false,
          agent_id: null,
          final: true,
        },
      },
    ]
  const token = derivedId('token', entropy, task.task_id, attempt)
  return [
    {
      type: 'TaskExecutionStarted',
      data: {
        ...of,
        name: task.name,
        intent: task.intent,
        attempt,
        token,
        timeout_ms: task.timeout_ms,
        input,
        target_agent: task.agent_id ?? null,
        failed_agent,
      },
    },
  ]
}

/** The nearest upstream outputs first, then what stage and journey bring. */
const sourcesOf = (task: PlannedTask, state: Started): JsonObject[] => {
  const found: JsonObject[] = []
  const seen = new Set<string>()
  let level = task.depends_on
  while (level.length > 0) {
    for (const id of level) {
      const upstream = state.tasks[id]
      if (upstream?.status === 'completed') found.push(upstream.output)
      seen.add(id)
    }
    const above = plannedTasks(state).filter(({ task_id }) => level.includes(task_id))
    level = [...new Set(above.flatMap(({ depends_on }) => depends_on))].filter((id) => !seen.has(id))
  }
  return [...found, state.creation.inputs]
}

type Failure = { code: string; message: string; retryable: boolean; agent_id: string | null }

const failure = (
  planned: PlannedTask,
  attempt: number,
  { code, message, retryable, agent_id }: Failure,
  state: Started,
  context: Context,
): Event[] => {
  const tried = state.tasks[planned.task_id]!.since_retry
  const again = retryable && tried <= planned.retry.max_retries
  const of = ofTask(state, planned.task_id)
  // ARCH-003 section 9.1 names the end of all retries so.
  const said = retryable && !again && tried > 1 ? `Max retries exceeded: ${message}` : message
  const failed: Event = {
    type: 'TaskExecutionFailed',
    data: { ...of, attempt, code, message: said, retryable, agent_id, final: !again },
  }
  if (!again) return goOn([failed], state, context)
  const delay_ms = retryDelay(planned.retry, tried)
  return [
    failed,
    {
      type: 'TaskRetryScheduled',
      data: { ...of, attempt: attempt + 1, delay_ms, retry_at: later(context.at, delay_ms) },
    },
  ]
}

/** Where a result stands: of the attempt that runs, heard before in the same words (known), or of one that is over (late). */
const standingOf = (
  { task_id, attempt, token }: { task_id: string; attempt: number; token: string },
  result: string,
  state: Started,
): 'current' | 'late' | 'known' => {
  const started = state.tasks[task_id]!.attempts.find((one) => one.attempt === attempt)
  if (started?.token !== token)
    throw new Refusal(
      'task/unknown_token',
      `Attempt ${attempt} of task ${task_id} was not given this token: answer with the attempt and token of the task message`,
    )
  if (isRunning(state, task_id, attempt)) return 'current'
  return started.heard.includes(result) ? 'known' : 'late'
}

const completion = (output: JsonObject): string => `completed ${JSON.stringify(output)}`
const failureOf = (code: string): string => `failed ${code}`

const isRunning = (state: Started, taskId: string, attempt: number): boolean =>
  state.status === 'in_progress' &&
  state.tasks[taskId]?.status === 'running' &&
  state.tasks[taskId].attempts.length === attempt

const isDone = (task: TaskState | undefined): boolean =>
  task?.status === 'completed' || (task?.status === 'decided' && task.decision === 'approve')

const plannedTasks = (state: Started): PlannedTask[] => state.creation.plan.tasks

const taskOf = (state: Started, taskId: string): PlannedTask => {
  const task = plannedTasks(state).find(({ task_id }) => task_id === taskId)
  if (!task) throw unknownTask(state, taskId)
  return task
}

const unknownTask = (state: Started, taskId: string): Refusal =>
  new Refusal('task/unknown', `Unit of work ${state.creation.work_id} has no task ${taskId}`)

const ofTask = ({ creation: { work_id, client_id, stage, kind } }: Started, task_id: string): OfTask => ({
  work_id,
  client_id,
  stage,
  kind,
  task_id,
})

const keyOf = ({ creation: { work_id, client_id, episode, stage, visit, kind, n } }: Started) => ({
  work_id,
  client_id,
  episode,
  stage,
  visit,
  kind,
  n,
})

/** What came of every task so far. */
export const resultsOf = (state: Started): Record<string, TaskResult> =>
  Object.fromEntries(Object.entries(state.tasks).map(([id, task]): [string, TaskResult] => [id, resultOf(task)]))

const resultOf = (task: TaskState): TaskResult => {
  switch (task.status) {
    case 'completed':
      return { status: 'completed', output: task.output, agent_id: task.agent_id }
    case 'decided':
      return {
        status: 'decided',
        decision: task.decision,
        decided_by: task.decided_by,
        ...(task.comment !== undefined && { comment: task.comment }),
      }
    case 'failed':
      return { status: 'failed', code: task.code, message: task.message }
    default:
      return { status: 'open' }
  }
}

// ── Evolve ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const evolve = (state: State, event: Event): State => {
  if (event.type === 'UnitOfWorkCreated') {
    const tasks = event.data.plan.tasks.map(({ task_id }): [string, TaskState] => [
      task_id,
      { status: 'pending', attempts: [], since_retry: 0, failed_agent: null },
    ])
    return { status: 'in_progress', creation: event.data, tasks: Object.fromEntries(tasks) }
  }
  if (state.status === 'none') return state
  switch (event.type) {
    case 'TaskExecutionStarted': {
      const { task_id, attempt, token } = event.data
      return withTask(going(state), task_id, (task) => ({
        ...kept(task),
        attempts: [...task.attempts, { attempt, token, heard: [] }],
        since_retry: isFailed(task) ? 1 : task.since_retry + 1,
        status: 'running',
      }))
    }
    case 'TaskExecutionCompleted': {
      const { task_id, attempt, output, agent_id } = event.data
      return withTask(state, task_id, (task) => ({
        ...kept(hearing(task, attempt, completion(output))),
        status: 'completed',
        output,
        agent_id,
        attempt,
      }))
    }
    case 'TaskExecutionFailed': {
      const { task_id, attempt, code, message, agent_id } = event.data
      return withTask(going(state), task_id, (task) => ({
        ...kept(hearing(task, attempt, failureOf(code))),
        failed_agent: agent_id,
        status: 'failed',
        code,
        message,
      }))
    }
    case 'TaskRetryScheduled': {
      const { task_id, attempt } = event.data
      return withTask(state, task_id, (task) => ({ ...kept(task), status: 'retrying', attempt }))
    }
    case 'TaskLateResultRecorded': {
      const { task_id, attempt, outcome, output, code } = event.data
      const result = outcome === 'completed' ? completion(output ?? {}) : failureOf(code ?? '')
      return withTask(state, task_id, (task) => hearing(task, attempt, result))
    }
    case 'ApprovalRequested':
      return withTask(going(state), event.data.task_id, (task) => ({ ...kept(task), status: 'asked' }))
    case 'ApprovalDecided': {
      const { task_id, decision, decided_by, comment } = event.data
      return withTask(state, task_id, (task) => ({
        ...kept(task),
        status: 'decided',
        decision,
        decided_by,
        ...(comment !== null && { comment }),
      }))
    }
    case 'UnitOfWorkCompleted':
      return { ...existing(state), status: 'completed' }
    case 'UnitOfWorkFailed':
      return { ...existing(state), status: 'failed' }
    case 'UnitOfWorkCancelled': {
      const { reason, cancelled_by } = event.data
      return {
        creation: state.creation,
        tasks: interrupted(state.tasks, reason),
        status: 'cancelled',
        reason,
        by: cancelled_by,
      }
    }
  }
}

const existing = ({ creation, tasks }: Started): Existing => ({ creation, tasks })

/** A failed or cancelled unit of work goes on as soon as one of its tasks is tried again. */
const going = (state: Started): Started =>
  state.status === 'failed' || state.status === 'cancelled' ? { ...existing(state), status: 'in_progress' } : state

/** What was under way at a cancellation has failed by it; what had not begun may begin when somebody tries again. */
const interrupted = (tasks: Existing['tasks'], reason: string): Existing['tasks'] =>
  Object.fromEntries(
    Object.entries(tasks).map(([id, task]): [string, TaskState] =>
      ['running', 'retrying', 'asked'].includes(task.status)
        ? [id, { ...kept(task), status: 'failed', code: 'unit_of_work/cancelled', message: reason }]
        : [id, task],
    ),
  )

const hearing = <T extends TaskState>(task: T, attempt: number, result: string): T => ({
  ...task,
  attempts: task.attempts.map((one) => (one.attempt === attempt ? { ...one, heard: [...one.heard, result] } : one)),
})

const kept = ({ attempts, since_retry, failed_agent }: TaskState) => ({ attempts, since_retry, failed_agent })

const withTask = (state: Started, taskId: string, change: (task: TaskState) => TaskState): Started => {
  const task = state.tasks[taskId]
  return task ? { ...state, tasks: { ...state.tasks, [taskId]: change(task) } } : state
}

/** The state that a history of events leads to. */
export const fold = (events: readonly Event[]): State => events.reduce(evolve, initial)
