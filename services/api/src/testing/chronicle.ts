import { loadConfiguration, streamOf, type DomainEvent, type Recorded } from '@journey/contracts'
import { derivedId, Journey, Process, UnitOfWork, type JsonObject } from '@journey/domain'
import { fileURLToPath } from 'node:url'

type Command = Journey.Command | UnitOfWork.Command
type Dispatched = Extract<UnitOfWork.Event, { type: 'TaskExecutionStarted' }>['data']

/** What came of a task; nothing while it is being done. */
export type Answer = { output: JsonObject; agent_id: string } | { code: string; message: string } | undefined

/** Journeys as the domain itself tells them: commands in, every event that follows out, without a server. */
export type Chronicle = {
  /** Does a command and all that follows from it. */
  act: (command: Command, actor?: string) => Recorded[]
  /** Every event so far, in the order of the log. */
  readonly events: readonly Recorded[]
  readonly dispatched: readonly Dispatched[]
}

export const configDir = fileURLToPath(new URL('../../../../infra/config', import.meta.url))

/** @param answer what the agents make of each task, by its intent */
export const createChronicle = (
  answer: (task: Dispatched) => Answer,
  options: { autoPromotion?: boolean; autoRollback?: boolean } = {},
): Chronicle => {
  const { catalog, policy } = loadConfiguration(configDir, {})
  const rules = { auto_rollback: options.autoRollback ?? true, re_evaluation_ms: 60_000 }
  const events: Recorded[] = []
  const dispatched: Dispatched[] = []
  let clock = Date.parse('2026-01-27T10:00:00.000Z')

  const of = (stream: string) => events.filter((one) => one.stream === stream)
  const journey = (clientId: string) =>
    Journey.fold(of(`journey-${clientId}`).map(({ event }) => event as Journey.Event))
  const work = (workId: string) =>
    of(`unit_of_work-${workId}`)
      .map(({ event }) => event as UnitOfWork.Event)
      .reduce(UnitOfWork.evolve, UnitOfWork.initial)

  const decide = (command: Command, actor: string): DomainEvent[] => {
    const by = { type: actor === 'system' ? 'system' : 'user', id: actor }
    const at = new Date(clock).toISOString()
    const isOfJourney = command.type.startsWith('journey.')
    if (isOfJourney) {
      const { client_id } = command.data as { client_id: string }
      const context = {
        actor: by,
        at,
        revision: of(`journey-${client_id}`).length - 1,
        policy: { ...policy, auto_promotion: options.autoPromotion ?? true },
      }
      return Journey.decide(command as Journey.Command, journey(client_id), context)
    }
    const { work_id } = command.data as { work_id: string }
    return UnitOfWork.decide(command as UnitOfWork.Command, work(work_id), { actor: by, at, entropy: at })
  }

  const act = (command: Command, actor = 'system'): Recorded[] => {
    clock += 1000
    const stream = streamOf(command)
    const appended = decide(command, actor).map((event, index): Recorded => ({
      id: derivedId('event', stream, of(stream).length + index),
      event,
      version: '1.0',
      at: new Date(clock).toISOString(),
      stream,
      revision: of(stream).length + index,
      position: String(1000 + events.length + index),
      source: 'spec',
      correlationId: 'spec',
      causationId: derivedId('command', clock),
      actor: { type: actor === 'system' ? 'system' : 'user', id: actor },
    }))
    events.push(...appended)
    for (const one of appended) follow(one)
    return appended
  }

  const follow = ({ id, at, event }: Recorded): void => {
    const happened = { id, at, event: event as Process.Event }
    const { client_id } = happened.event.data
    const ids = [...new Set(events.flatMap(({ event: { data } }) => ('work_id' in data ? [data.work_id] : [])))]
    const world = { journey: journey(client_id), works: new Map(ids.map((id) => [id, work(id)])), catalog, rules }
    for (const step of Process.react(happened, world)) {
      if (step.do === 'send') act(step.command)
      if (step.do === 'admit') act({ type: 'unit_of_work.create', data: step.creation })
      if (step.do === 'dispatch') perform(step.task)
    }
  }

  const perform = (task: Dispatched): void => {
    dispatched.push(task)
    const result = answer(task)
    if (!result) return
    const { work_id, task_id, attempt, token } = task
    const of = { work_id, task_id, attempt, token }
    if ('output' in result) act({ type: 'task.complete', data: { ...of, ...result } }, result.agent_id)
    else act({ type: 'task.fail', data: { ...of, ...result, retryable: false } }, 'agent')
  }

  return { act, events, dispatched }
}

/** What a healthy agent answers to every intent there is: outputs as the templates ask, measurements that pass every gate. */
export const healthy = ({ intent }: { intent: string }): Answer => ({
  agent_id: `agent-of-${intent}`,
  output: { ...outputs, measurements },
})

const outputs: JsonObject = {
  environment_id: 'env-1',
  status: 'ready',
  installed_connectors: ['jira'],
  dataset_id: 'data-1',
  record_count: 1000,
  scan_result: {},
  vulnerabilities: [],
  deployment_id: 'deployment-1',
  configured_users: [],
  dashboard_url: 'http://dashboards.test/1',
  replicas: 3,
  enabled_users: [],
  monitoring_id: 'monitoring-1',
  alert_rules: [],
  dashboard_id: 'dashboard-1',
}

const measured = (name: string, value: number): JsonObject => ({ name, value, sample_size: 1000 })

const measurements: JsonObject[] = [
  measured('connectors_total', 1),
  measured('connectors_syncing', 1),
  measured('precision', 0.9),
  measured('vulnerabilities_critical', 0),
  measured('vulnerabilities_high', 0),
  measured('score', 4.9),
  measured('bugs_critical', 0),
  measured('bugs_high', 0),
  measured('p95_latency_ms', 100),
  measured('error_rate', 0.001),
  measured('adoption', 0.9),
  measured('growth', 0.5),
  measured('incidents_p0', 0),
  measured('incidents_p1', 0),
]

/** A journey's start as the source has it. */
export const start = (client_id: string): Journey.Command => ({
  type: 'journey.start',
  data: {
    client_id,
    data_sources: ['salesforce', 'jira', 'confluence'],
    connectors: ['salesforce', 'jira', 'confluence'],
    users: [],
    pilot_cohort_size: 10,
    contract_signed: false,
    parameters: {},
  },
})
