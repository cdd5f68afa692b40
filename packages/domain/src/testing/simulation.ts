import * as Journey from '../journey/journey.js'
import { derivedId } from '../ids.js'
import { compileCatalog, type Catalog, type CatalogConfig, type TaskConfig } from '../plan/catalog.js'
import * as Process from '../process/process.js'
import { later, type JsonObject } from '../values.js'
import * as UnitOfWork from '../unit-of-work/unit-of-work.js'

const task = (task_id: string, depends_on: string[] = [], output: string[] = []): TaskConfig => ({
  task_id,
  name: task_id,
  agent_intent: task_id,
  depends_on,
  output_schema: Object.fromEntries(output.map((name) => [name, { type: 'string' as const }])),
})

const security = {
  check_id: 'security_scan',
  name: 'Security',
  validator: 'SecurityScanValidator',
  parameters: { max_critical: 0, max_high: 5 },
}

/** A small configuration with everything in it: parallel tasks, a human check, compensations, success metrics. */
export const config: CatalogConfig = {
  stages: [
    {
      stage_id: 'sandbox',
      name: 'Sandbox',
      order: 1,
      duration_target_days: 15,
      exit_criteria: [
        security,
        { check_id: 'demo_approval', name: 'Demo', validator: 'DemoApprovalValidator', parameters: { required: true } },
      ],
    },
    { stage_id: 'pilot', name: 'Pilot', order: 2, duration_target_days: 15, exit_criteria: [security] },
    {
      stage_id: 'production',
      name: 'Production',
      order: 3,
      duration_target_days: null,
      success_metrics: [
        { metric: 'user_adoption', target: 0.7 },
        { metric: 'incidents', max_p0: 0, max_p1: 0 },
      ],
    },
  ],
  templates: [
    {
      template_id: 'sandbox_setup',
      name: 'Sandbox',
      stage: 'sandbox',
      tasks: [task('provision', [], ['environment_id']), task('data', ['provision'], ['dataset_id'])],
    },
    {
      template_id: 'pilot_setup',
      name: 'Pilot',
      stage: 'pilot',
      tasks: [task('deploy', [], ['deployment_id']), task('access', ['deploy']), task('monitor', ['deploy'])],
    },
    { template_id: 'production_setup', name: 'Production', stage: 'production', tasks: [task('scale')] },
  ],
  rollbacks: [
    {
      template_id: 'rollback_to_sandbox',
      name: 'Back to the sandbox',
      from_stage: 'pilot',
      to_stage: 'sandbox',
      compensations: [
        {
          ...compensation('teardown_dataset', 'dataset_id'),
          compensates: { template_id: 'sandbox_setup', task_id: 'data' },
        },
        {
          ...compensation('undeploy', 'deployment_id'),
          compensates: { template_id: 'pilot_setup', task_id: 'deploy' },
        },
      ],
    },
    {
      template_id: 'rollback_to_pilot',
      name: 'Back to the pilot',
      from_stage: 'production',
      to_stage: 'pilot',
      compensations: [
        {
          ...compensation('scale_down', 'client_id'),
          compensates: { template_id: 'production_setup', task_id: 'scale' },
        },
      ],
    },
  ],
  retry: { max_task_retries: 1, backoff_strategy: 'none', initial_backoff_seconds: 1, max_backoff_seconds: 1 },
  timeouts: { task_execution_seconds: 120, exit_criteria_validation_seconds: 30, stage_transition_seconds: 300 },
}

function compensation(task_id: string, input: string) {
  return {
    task_id,
    name: task_id,
    agent_intent: task_id,
    input_schema: { [input]: { type: 'string' as const, required: true } },
  }
}

export const catalog: Catalog = compileCatalog(config).catalog

/** How the agents of a simulation behave. */
export type Agents = {
  measure: (checkId: string, workId: string) => JsonObject[]
  fails: (taskId: string, attempt: number) => boolean
}

export const goodAgents: Agents = {
  measure: () => [
    { name: 'vulnerabilities_critical', value: 0 },
    { name: 'vulnerabilities_high', value: 0 },
    { name: 'adoption', value: 0.9 },
    { name: 'incidents_p0', value: 0 },
    { name: 'incidents_p1', value: 0 },
  ],
  fails: () => false,
}

/**
 * The whole system as pure functions: commands are decided at once, events react through the stage process in any order and
 * as often as asked for, tasks are done at once. Time stands still; timers fire when asked.
 */
export const simulation = ({
  agents = goodAgents,
  parameters = {},
  policy = {},
  auto_rollback = true,
}: { agents?: Agents; parameters?: JsonObject; policy?: Partial<Journey.Policy>; auto_rollback?: boolean } = {}) => {
  const client_id = 'client-123'
  const at = '2026-01-27T10:30:00.000Z'
  const journey: Journey.Event[] = []
  const works = new Map<string, UnitOfWork.Event[]>()
  const pending: Process.Happened[] = []
  const past: Process.Happened[] = []
  const done = new Set<string>()
  const timers = new Map<string, Extract<Process.Step, { do: 'set_timer' }>>()
  const refused: string[] = []
  const sent: Process.Command[] = []

  const record = (events: readonly Process.Event[], commandId: string) => {
    events.forEach((event, index) => {
      const happened = { id: derivedId('event', commandId, index), at, event }
      pending.push(happened)
      past.push(happened)
    })
  }

  const send = (command: Process.Command, id: string, actor = { type: 'system', id: 'saga-processor' }): void => {
    if (done.has(id)) return // the streams remember
    done.add(id)
    sent.push(command)
    try {
      if ('work_id' in command.data && !command.type.startsWith('journey.')) {
        const events = works.get(command.data.work_id) ?? []
        const decided = UnitOfWork.decide(command as UnitOfWork.Command, UnitOfWork.fold(events), {
          actor,
          at,
          entropy: id,
        })
        works.set(command.data.work_id, [...events, ...decided])
        record(decided, id)
      } else {
        const context: Journey.Context = {
          actor,
          at,
          revision: journey.length - 1,
          policy: { enabled: true, auto_promotion: true, auto_completion: false, ...policy },
        }
        const decided = Journey.decide(command as Journey.Command, Journey.fold(journey), context)
        journey.push(...decided)
        record(decided, id)
      }
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.name !== 'Refusal') throw error
      refused.push(String(error.code))
    }
  }

  const worldFor = (event: Process.Event): Process.World => {
    const { client_id: client, work_id } = Process.needsOf(event)
    const state = client === undefined ? Journey.initial : Journey.fold(journey)
    const work = work_id === undefined ? undefined : UnitOfWork.fold(works.get(work_id) ?? [])
    const ids = [...Process.worksBehind(event, state, work), ...(work_id === undefined ? [] : [work_id])]
    return {
      journey: state,
      works: new Map(ids.map((id) => [id, UnitOfWork.fold(works.get(id) ?? [])])),
      catalog,
      rules: { auto_rollback, re_evaluation_ms: 3_600_000 },
    }
  }

  const carryOut = (step: Process.Step): void => {
    if (step.do === 'send') send(step.command, step.id)
    if (step.do === 'admit')
      send({ type: 'unit_of_work.create', data: step.creation }, derivedId('create', step.creation.work_id))
    if (step.do === 'set_timer') timers.set(step.id, step)
    if (step.do === 'dispatch') {
      const { work_id, task_id, attempt, token } = step.task
      const of = { work_id, task_id, attempt, token, agent_id: 'agent' }
      const id = derivedId('result', work_id, task_id, attempt)
      if (agents.fails(task_id, attempt)) {
        send({ type: 'task.fail', data: { ...of, code: 'simulated', retryable: true } }, id)
        return
      }
      const output: JsonObject =
        step.task.kind === 'gate'
          ? { measurements: agents.measure(task_id, work_id) }
          : { environment_id: 'env', dataset_id: 'set', deployment_id: 'dep' }
      send({ type: 'task.complete', data: { ...of, output } }, id)
    }
  }

  /** Fires the timers of a kind, once. */
  const fire = (kind: Process.TimerKind): void => {
    for (const timer of [...timers.values()])
      if (timer.kind === kind) {
        timers.delete(timer.id)
        send(timer.command, derivedId('fired', timer.id, timer.due_at, done.size))
      }
  }

  return {
    start: () =>
      send(
        {
          type: 'journey.start',
          data: {
            client_id,
            data_sources: ['jira'],
            connectors: ['jira'],
            users: [],
            pilot_cohort_size: 10,
            contract_signed: false,
            parameters,
          },
        },
        derivedId('start', done.size),
      ),
    send: (command: Process.Command) => send(command, derivedId('by hand', done.size), { type: 'user', id: 'dana' }),
    /** Lets events react until nothing is left; `pick` chooses the next, `repeat` says whether it comes once more. */
    run: (pick: (count: number) => number = () => 0, repeat: () => boolean = () => false) => {
      for (let turns = 0; pending.length > 0; turns++) {
        if (turns > 5_000) throw new Error('the process does not come to rest')
        const [happened] = pending.splice(pick(pending.length) % pending.length, 1)
        for (const step of Process.react(happened!, worldFor(happened!.event))) carryOut(step)
        if (repeat()) pending.push(happened!)
        if (pending.length === 0) fire('task_retry')
      }
    },
    fire,
    state: () => Journey.fold(journey),
    journey,
    works,
    refused,
    sent,
    timers,
    past,
    worksOfKind: (kind: string) =>
      [...works.values()]
        .map(UnitOfWork.fold)
        .filter((state) => state.status !== 'none' && state.creation.kind === kind),
    openApproval: () => {
      for (const [work_id, events] of works) {
        const state = UnitOfWork.fold(events)
        if (state.status === 'in_progress')
          for (const [task_id, { status }] of Object.entries(state.tasks))
            if (status === 'asked') return { work_id, task_id }
      }
      return undefined
    },
    later: (ms: number) => later(at, ms),
  }
}
