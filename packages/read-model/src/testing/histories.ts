import type { DomainEvent, Recorded } from '@journey/contracts'
import {
  Agent,
  agentStream,
  derivedId,
  Journey,
  journeyStream,
  later,
  Refusal,
  UnitOfWork,
  unitOfWorkStream,
  workIdOf,
  type Actor,
  type CheckOutcome,
  type PlannedTask,
  type WorkKind,
} from '@journey/domain'

/** One thing to try: what, for which client, and a number that chooses among the possibilities. */
export type Move = { client: number; action: Action; pick: number }

/** How often each action is tried, so that histories get far before they end. */
const weights = {
  start: 4,
  create_setup: 4,
  create_gate: 3,
  create_rollback: 2,
  complete_task: 10,
  fail_task: 4,
  time_out_task: 2,
  late_result: 3,
  start_retry: 3,
  decide_approval: 4,
  retry_work: 3,
  cancel_work: 1,
  time_out_gate: 1,
  request_evaluation: 8,
  record_evaluation: 10,
  hold: 1,
  release: 2,
  promote: 6,
  roll_back: 3,
  finish_rollback: 4,
  cancel: 1,
  complete: 3,
  register_agent: 1,
}
export type Action = keyof typeof weights

/** Every action, as often as it is to be tried. */
export const actions: readonly Action[] = Object.entries(weights).flatMap(([action, weight]) =>
  Array.from({ length: weight }, () => action as Action),
)

/**
 * The log that some moves lead to: each is turned into a command and decided by the domain, on the state that the moves before
 * it left; what the domain refuses leaves no event. Every history made here could have happened.
 *
 * @param name begins the ids of clients and agents, for specs that share an event store
 */
export const logOf = (moves: readonly Move[], name = 'client'): Recorded[] => {
  const log: Recorded[] = []
  const streams = new Map<string, DomainEvent[]>()
  const works = new Map<string, string[]>()

  const historyOf = <Event extends DomainEvent>(stream: string): Event[] => (streams.get(stream) ?? []) as Event[]
  const append = (stream: string, actor: Actor, decide: () => DomainEvent[]): void => {
    let decided: DomainEvent[]
    try {
      decided = decide()
    } catch (error) {
      if (error instanceof Refusal) return
      throw error
    }
    const history = streams.get(stream) ?? []
    streams.set(stream, history)
    const command = derivedId('command', log.length)
    for (const event of decided) {
      log.push({
        id: derivedId(stream, history.length),
        event,
        version: '1.0',
        at: instantOf(log.length),
        stream,
        revision: history.length,
        position: String(1_000 + log.length * 7),
        source: 'spec',
        correlationId: command,
        causationId: command,
        actor,
      })
      history.push(event)
    }
  }

  const clientId = (client: number) => `${name}-${client}`
  const journeyOf = (client: number) => Journey.fold(historyOf<Journey.Event>(journeyStream(clientId(client))))
  const decideJourney = (client: number, command: Journey.Command): void => {
    const stream = journeyStream(clientId(client))
    const history = historyOf<Journey.Event>(stream)
    const actor = command.type.startsWith('journey.re') ? system : dana
    append(stream, actor, () =>
      Journey.decide(command, Journey.fold(history), {
        actor,
        at: instantOf(log.length),
        revision: history.length - 1,
        policy: { enabled: true, auto_promotion: history.length % 2 === 0, auto_completion: false },
      }),
    )
  }
  const decideWork = (workId: string, command: UnitOfWork.Command): void => {
    const stream = unitOfWorkStream(workId)
    append(stream, dana, () =>
      UnitOfWork.decide(command, UnitOfWork.fold(historyOf<UnitOfWork.Event>(stream)), {
        actor: dana,
        at: instantOf(log.length),
        entropy: `entropy-${log.length}`,
      }),
    )
  }
  const create = (client: number, kind: WorkKind, n: number, pick: number): void => {
    const state = journeyOf(client)
    if (state.status === 'none') return
    const { client_id, episode, stage, visits, profile } = state
    const key = { client_id, episode, stage, visit: visits[stage], kind, n }
    const work_id = workIdOf(key)
    works.set(client_id, [...new Set([...(works.get(client_id) ?? []), work_id])])
    decideWork(work_id, {
      type: 'unit_of_work.create',
      data: {
        work_id,
        ...key,
        plan: { template_id: `${stage}_${kind}`, name: `${kind} of ${stage}`, tasks: plans[pick % plans.length]! },
        inputs: { client_id },
        parameters: profile.parameters,
        ...(kind === 'gate' && { criteria: [scan], approvals: {} }),
      },
    })
  }

  /** A unit of work of the client, a task of it and its state, in a status, chosen by a number. */
  const taskIn = (client: number, pick: number, ...statuses: UnitOfWork.TaskState['status'][]) => {
    const found = (works.get(clientId(client)) ?? []).flatMap((workId) => {
      const state = UnitOfWork.fold(historyOf<UnitOfWork.Event>(unitOfWorkStream(workId)))
      if (state.status === 'none') return []
      return Object.entries(state.tasks).flatMap(([taskId, task]) =>
        statuses.includes(task.status) ? [{ workId, taskId, task }] : [],
      )
    })
    return found[pick % Math.max(found.length, 1)]
  }
  const workOf = (client: number, pick: number): string | undefined => {
    const ids = works.get(clientId(client)) ?? []
    return ids[pick % Math.max(ids.length, 1)]
  }

  /** What a move may look at: the visit is undefined before the client's first journey. */
  const turnOf = ({ client, pick }: Move) => {
    const client_id = clientId(client)
    const state = journeyOf(client)
    const { episode, stage } = state.status === 'none' ? { episode: 0, stage: 'sandbox' as const } : state
    const visit = state.status === 'none' ? undefined : { client_id, episode, stage, visit: state.visits[stage] }
    return {
      client,
      client_id,
      pick,
      visit,
      n: state.status === 'none' ? 0 : state.gate.n,
      reason: `because of ${pick}`,
    }
  }
  type Turn = ReturnType<typeof turnOf>

  const running = ({ client, pick }: Turn) => {
    const found = taskIn(client, pick, 'running')
    const attempt = found?.task.attempts.at(-1)
    return found && attempt && { work_id: found.workId, task_id: found.taskId, ...attempt }
  }

  const act: Record<Action, (turn: Turn) => void> = {
    start: ({ client, client_id, pick }) =>
      decideJourney(client, { type: 'journey.start', data: { client_id, ...profile(pick) } }),
    create_setup: ({ client, pick }) => create(client, 'setup', 1, pick),
    create_gate: ({ client, pick }) => create(client, 'gate', 1 + (pick % 3), pick),
    create_rollback: ({ client, pick }) => create(client, 'rollback', 1, pick),
    complete_task: (turn) => {
      const task = running(turn)
      const output = { environment_id: turn.pick % 5 === 0 ? 7 : `env-${turn.pick}` } // a number is no valid output
      if (task) decideWork(task.work_id, { type: 'task.complete', data: { ...task, output, agent_id: 'a' } })
    },
    fail_task: (turn) => {
      const task = running(turn)
      const failure = { code: 'agent/refused', retryable: turn.pick % 3 > 0, ...(turn.pick % 2 && { agent_id: 'b' }) }
      if (task) decideWork(task.work_id, { type: 'task.fail', data: { ...task, ...failure } })
    },
    time_out_task: (turn) => {
      const task = running(turn)
      if (task) decideWork(task.work_id, { type: 'task.time_out', data: task })
    },
    late_result: ({ client, pick }) => {
      const found = taskIn(client, pick, 'retrying', 'failed', 'running', 'completed', 'pending')
      const first = found?.task.attempts[0]
      if (!found || !first) return
      const data = { work_id: found.workId, task_id: found.taskId, ...first, output: { late: pick } }
      decideWork(found.workId, { type: 'task.complete', data })
    },
    start_retry: ({ client, pick }) => {
      const found = taskIn(client, pick, 'retrying')
      if (found?.task.status !== 'retrying') return
      const data = { work_id: found.workId, task_id: found.taskId, attempt: found.task.attempt }
      decideWork(found.workId, { type: 'task.start_retry', data })
    },
    decide_approval: ({ client, pick, reason }) => {
      const found = taskIn(client, pick, 'asked')
      if (!found) return
      const decision: UnitOfWork.Decision = pick % 3 === 0 ? 'reject' : 'approve'
      const data = { work_id: found.workId, task_id: found.taskId, decision, ...(pick % 2 && { comment: reason }) }
      decideWork(found.workId, { type: 'approval.decide', data })
    },
    retry_work: ({ client, pick }) => {
      const work_id = workOf(client, pick)
      if (work_id) decideWork(work_id, { type: 'unit_of_work.retry', data: { work_id } })
    },
    cancel_work: ({ client, pick, reason }) => {
      const work_id = workOf(client, pick)
      if (work_id) decideWork(work_id, { type: 'unit_of_work.cancel', data: { work_id, reason } })
    },
    time_out_gate: ({ client, pick }) => {
      const work_id = workOf(client, pick)
      if (work_id) decideWork(work_id, { type: 'unit_of_work.time_out', data: { work_id } })
    },
    request_evaluation: ({ client, pick, visit }) => {
      const trigger = pick % 3 ? 'setup_completed' : 'requested'
      if (visit) decideJourney(client, { type: 'journey.request_evaluation', data: { ...visit, trigger } })
    },
    record_evaluation: ({ client, pick, visit, n }) => {
      if (!visit) return
      const data = { ...visit, n, work_id: workIdOf({ ...visit, kind: 'gate', n }), checks: checks(pick) }
      decideJourney(client, { type: 'journey.record_evaluation', data })
    },
    hold: ({ client, client_id, reason }) =>
      decideJourney(client, { type: 'journey.hold', data: { client_id, reason } }),
    release: ({ client, client_id, reason }) =>
      decideJourney(client, { type: 'journey.release', data: { client_id, reason } }),
    promote: ({ client, client_id }) => decideJourney(client, { type: 'journey.promote', data: { client_id } }),
    roll_back: ({ client, client_id, reason }) =>
      decideJourney(client, { type: 'journey.rollback', data: { client_id, reason } }),
    finish_rollback: ({ client, pick, visit, reason }) => {
      if (!visit) return
      const outcome = pick % 3 === 0 ? 'failed' : 'completed'
      const work_id = workIdOf({ ...visit, kind: 'rollback', n: 1 })
      decideJourney(client, { type: 'journey.finish_rollback', data: { ...visit, work_id, outcome, reason } })
    },
    cancel: ({ client, client_id, reason }) =>
      decideJourney(client, { type: 'journey.cancel', data: { client_id, reason } }),
    complete: ({ client, client_id }) => decideJourney(client, { type: 'journey.complete', data: { client_id } }),
    register_agent: ({ client, pick }) => {
      const agent_id = `${name}-agent-${client}`
      const intents = ['provision', `check_${pick}`]
      const registration = { agent_id, name: `Agent ${pick}`, intents, type: 'reference', version: '1.0' }
      const stream = agentStream(agent_id)
      append(stream, dana, () =>
        Agent.decide(
          { type: 'agent.register', data: { ...registration, cognitive_pattern: null } },
          Agent.fold(historyOf<Agent.Event>(stream)),
          { actor: dana },
        ),
      )
    },
  }

  for (const move of moves) act[move.action](turnOf(move))
  return log
}

const dana: Actor = { type: 'user', id: 'dana' }
const system: Actor = { type: 'system', id: 'saga-processor' }

const instantOf = (n: number): string => later('2026-01-27T10:30:00.000Z', n * 137)

const profile = (pick: number): Journey.Profile => ({
  data_sources: ['salesforce', 'jira'],
  connectors: ['salesforce'],
  users: pick % 2 ? ['ada'] : [],
  pilot_cohort_size: 10,
  contract_signed: pick % 3 === 0,
  parameters: { note: `„${pick}“ \\u0000 \n`, nested: { list: [1, 2.5, null, []] } },
})

const task = (task_id: string, over: Partial<PlannedTask> = {}): PlannedTask => ({
  task_id,
  name: `The task ${task_id}`,
  kind: 'agent',
  intent: task_id,
  depends_on: [],
  input_schema: {},
  output_schema: { environment_id: { type: 'string' } },
  input: {},
  retry: { max_retries: 1, backoff: 'none', initial_ms: 0, max_ms: 0 },
  timeout_ms: 120_000,
  ...over,
})

const plans: PlannedTask[][] = [
  [task('provision'), task('connect', { depends_on: ['provision'], agent_id: 'agent-1' })],
  [task('scan'), task('demo', { kind: 'human', intent: 'demo' })],
  [task('left'), task('right'), task('join', { depends_on: ['left', 'right'] })],
  [task('needy', { input_schema: { nowhere: { type: 'string', required: true } } })],
  [],
]

const scan = {
  check_id: 'security_scan',
  name: 'Security Scan Passed',
  validator: 'SecurityScanValidator',
  parameters: { max_critical: 0, max_high: 5 },
}
const demo = { check_id: 'demo', name: 'Demo', validator: 'DemoApprovalValidator', parameters: {} }

const checks = (pick: number): CheckOutcome[] => [
  {
    ...scan,
    outcome: 'measured',
    measurements: [
      { name: 'vulnerabilities_critical', value: pick % 4 === 0 ? 1 : 0, unit: 'count' },
      ...(pick % 5 === 0 ? [] : [{ name: 'vulnerabilities_high', value: 0 }]),
    ],
  },
  ...(pick % 2 ? [{ ...demo, outcome: 'decided', decision: 'approve', decided_by: 'dana' } as const] : []),
]
