import type { Criterion } from '../gate/judge.js'
import { ruleOf, validatorOfMetric, validators } from '../gate/rules.js'
import { stages, type StageId } from '../journey/stages.js'
import type { JsonObject } from '../values.js'
import type { Compensation, Field, Plan, PlannedTask, RetryPolicy, RollbackTemplate } from './template.js'

// ── What the configuration files say (TECH-003 sections 3.1 to 3.3, and the further files beside them) ───────────────

export type TaskConfig = {
  task_id: string
  name: string
  agent_intent: string
  agent_id?: string
  depends_on?: string[]
  input_schema?: Record<string, Field>
  output_schema?: Record<string, Field>
  retry_policy?: { max_retries: number; backoff: RetryPolicy['backoff'] }
  timeout_seconds?: number
}

export type TemplateConfig = { template_id: string; name: string; stage: StageId; tasks: TaskConfig[] }

export type RollbackConfig = {
  template_id: string
  name: string
  from_stage: StageId
  to_stage: StageId
  compensations: (Omit<TaskConfig, 'depends_on'> & { compensates: { template_id: string; task_id: string } })[]
}

export type StageConfig = {
  stage_id: StageId
  name: string
  order: number
  duration_target_days: number | null
  exit_criteria?: Criterion[]
  success_metrics?: ({ metric: string; name?: string } & JsonObject)[]
}

export type CatalogConfig = {
  stages: StageConfig[]
  templates: TemplateConfig[]
  rollbacks: RollbackConfig[]
  retry: {
    max_task_retries: number
    backoff_strategy: RetryPolicy['backoff']
    initial_backoff_seconds: number
    max_backoff_seconds: number
  }
  timeouts: {
    task_execution_seconds: number
    exit_criteria_validation_seconds: number
    stage_transition_seconds: number
  }
}

// ── What it becomes ─────────────────────────────────────────────────────────────────────────────────────────────────

export type Stage = { stage_id: StageId; name: string; duration_target_days: number | null }

/** Everything a journey is planned from, checked as a whole when it is loaded. */
export type Catalog = {
  stages: Stage[]
  /** The plan that sets a stage up; a stage without one goes straight to its gate. */
  setup: Partial<Record<StageId, Plan>>
  /** The checks of each stage's gate: exit criteria, or the success metrics of the last. */
  gates: Record<StageId, Criterion[]>
  /** How each stage is left backwards. */
  rollbacks: Partial<Record<StageId, RollbackTemplate>>
  /** How long a gate has to be measured: as the validation of exit criteria may take, within what a transition may take. */
  gate: { timeout_ms: number }
}

/** One thing wrong with the configuration: where, as a path of names, and what. */
export type ConfigProblem = { path: string; message: string }

/** Names that the journey itself brings as inputs, beside its `parameters`. */
export const journeyInputs = [
  'client_id',
  'data_sources',
  'connectors',
  'users',
  'pilot_cohort_size',
  'contract_signed',
]

/**
 * Makes checked plans of the configuration: unknown tasks, cycles, inputs that nothing gives, unknown validators and the
 * like are all found at once, before anything starts.
 */
export const compileCatalog = (config: CatalogConfig): { catalog: Catalog; problems: ConfigProblem[] } => {
  const problems: ConfigProblem[] = []
  const setup: Catalog['setup'] = {}
  config.templates.forEach((template, index) => {
    const path = `templates[${index}]`
    if (setup[template.stage])
      problems.push({
        path: `${path}.stage`,
        message: `stage ${template.stage} has a template already: ${setup[template.stage]!.template_id}`,
      })
    setup[template.stage] = {
      template_id: template.template_id,
      name: template.name,
      tasks: template.tasks.map((task) => plannedTask(task, config)),
    }
    problems.push(...graphProblems(path, template), ...inputProblems(path, template))
  })
  const gates = Object.fromEntries(
    stages.map((stage) => [stage, config.stages.filter(({ stage_id }) => stage_id === stage).flatMap(criteriaOf)]),
  ) as Catalog['gates']
  problems.push(...stageProblems(config.stages))
  const rollbacks: Catalog['rollbacks'] = {}
  config.rollbacks.forEach((rollback, index) => {
    const { template_id, name, from_stage, to_stage } = rollback
    rollbacks[from_stage] = {
      template_id,
      name,
      from_stage,
      to_stage,
      compensations: rollback.compensations.map((one) => compensation(one, config)),
    }
    problems.push(...rollbackProblems(`rollbacks[${index}]`, rollback, config.templates))
  })
  const catalog: Catalog = {
    stages: [...config.stages]
      .sort((a, b) => a.order - b.order)
      .map(({ stage_id, name, duration_target_days }) => ({ stage_id, name, duration_target_days })),
    setup,
    gates,
    rollbacks,
    gate: {
      timeout_ms:
        1000 * Math.min(config.timeouts.exit_criteria_validation_seconds, config.timeouts.stage_transition_seconds),
    },
  }
  return { catalog, problems }
}

/** Every intent that a task of this catalog may be published under, without doubles, sorted. */
export const intentsOf = (catalog: Catalog): string[] => {
  const setup = Object.values(catalog.setup).flatMap(({ tasks }) => tasks.map(({ intent }) => intent))
  const gates = Object.values(catalog.gates).flatMap((criteria) =>
    criteria.filter(isMeasured).map(({ check_id }) => gateIntent(check_id)),
  )
  const rollbacks = Object.values(catalog.rollbacks).flatMap(({ compensations }) =>
    compensations.map(({ task }) => task.intent),
  )
  return [...new Set([...setup, ...gates, ...rollbacks])].sort()
}

export const gateIntent = (checkId: string): string => `validate_${checkId}`

/** Measured by a validator, rather than decided by a human. */
export const isMeasured = ({ validator }: Criterion): boolean => ruleOf(validator) !== 'human'

/** Whether a human's decision is asked for at all (`required: false` waives it). */
export const isRequired = ({ parameters }: Criterion): boolean => parameters.required !== false

const retryPolicy = (task: Pick<TaskConfig, 'retry_policy'>, { retry }: CatalogConfig): RetryPolicy => ({
  max_retries: task.retry_policy?.max_retries ?? retry.max_task_retries,
  backoff: task.retry_policy?.backoff ?? retry.backoff_strategy,
  initial_ms: retry.initial_backoff_seconds * 1000,
  max_ms: retry.max_backoff_seconds * 1000,
})

const plannedTask = (task: TaskConfig, config: CatalogConfig): PlannedTask => ({
  task_id: task.task_id,
  name: task.name,
  kind: 'agent',
  intent: task.agent_intent,
  ...(task.agent_id !== undefined && { agent_id: task.agent_id }),
  depends_on: task.depends_on ?? [],
  input_schema: task.input_schema ?? {},
  output_schema: task.output_schema ?? {},
  input: {},
  retry: retryPolicy(task, config),
  timeout_ms: (task.timeout_seconds ?? config.timeouts.task_execution_seconds) * 1000,
})

const compensation = (
  { compensates, ...task }: RollbackConfig['compensations'][number],
  config: CatalogConfig,
): Compensation => {
  const { depends_on: _, ...planned } = plannedTask(task, config)
  return { compensates, task: planned }
}

const criteriaOf = ({ exit_criteria = [], success_metrics = [] }: StageConfig): Criterion[] => [
  ...exit_criteria.map(({ check_id, name, validator, parameters }) => ({ check_id, name, validator, parameters })),
  ...success_metrics.map(({ metric, name, ...parameters }) => ({
    check_id: metric,
    name: name ?? metric,
    validator: validatorOfMetric[metric] ?? metric,
    parameters,
  })),
]

// ── What can be wrong ───────────────────────────────────────────────────────────────────────────────────────────────

const graphProblems = (path: string, { tasks }: TemplateConfig): ConfigProblem[] => {
  const ids = tasks.map(({ task_id }) => task_id)
  const doubles = ids.filter((id, index) => ids.indexOf(id) !== index)
  const unknown = tasks.flatMap(({ depends_on = [] }, index) =>
    depends_on
      .filter((id) => !ids.includes(id))
      .map((id) => ({
        path: `${path}.tasks[${index}].depends_on`,
        message: `there is no task ${id} in this template`,
      })),
  )
  const cycle = cycleIn(tasks)
  return [
    ...doubles.map((id) => ({ path: `${path}.tasks`, message: `task ${id} is there twice` })),
    ...unknown,
    ...(cycle ? [{ path: `${path}.tasks`, message: `the tasks wait for each other: ${cycle.join(' → ')}` }] : []),
  ]
}

/** The tasks of a cycle in order, the first again at the end; undefined when there is none. */
const cycleIn = (tasks: readonly TaskConfig[]): string[] | undefined => {
  const done = new Set<string>()
  const visit = (id: string, way: string[]): string[] | undefined => {
    if (way.includes(id)) return [...way.slice(way.indexOf(id)), id]
    if (done.has(id)) return undefined
    for (const next of tasks.find(({ task_id }) => task_id === id)?.depends_on ?? []) {
      const cycle = visit(next, [...way, id])
      if (cycle) return cycle
    }
    done.add(id)
    return undefined
  }
  for (const { task_id } of tasks) {
    const cycle = visit(task_id, [])
    if (cycle) return cycle
  }
  return undefined
}

const inputProblems = (path: string, { tasks }: TemplateConfig): ConfigProblem[] =>
  tasks.flatMap(({ task_id, input_schema = {} }, index) => {
    const given = new Set([
      ...journeyInputs,
      ...upstreamOf(task_id, tasks).flatMap(({ output_schema = {} }) => Object.keys(output_schema)),
    ])
    return Object.entries(input_schema)
      .filter(([name, { required }]) => required && !given.has(name))
      .map(([name]) => ({
        path: `${path}.tasks[${index}].input_schema.${name}`,
        message: `neither a task before ${task_id} nor the journey gives ${name}`,
      }))
  })

const upstreamOf = (taskId: string, tasks: readonly TaskConfig[]): TaskConfig[] => {
  const found = new Set<string>()
  const open = [taskId]
  for (let id = open.pop(); id !== undefined; id = open.pop())
    for (const above of tasks.find(({ task_id }) => task_id === id)?.depends_on ?? [])
      if (!found.has(above)) {
        open.push(above)
        found.add(above)
      }
  return tasks.filter(({ task_id }) => found.has(task_id) && task_id !== taskId)
}

const stageProblems = (configured: readonly StageConfig[]): ConfigProblem[] => [
  ...stages
    .filter((stage) => !configured.some(({ stage_id }) => stage_id === stage))
    .map((stage) => ({ path: 'stages', message: `stage ${stage} is missing` })),
  ...configured.flatMap((stage, index) => {
    const path = `stages[${index}]`
    const criteria = criteriaOf(stage)
    if (criteria.length === 0)
      return [{ path, message: `${stage.stage_id} has no exit criteria: nothing could ever pass its gate` }]
    return criteria.flatMap((criterion, n) =>
      criterionProblems(`${path}.${stage.exit_criteria ? 'exit_criteria' : 'success_metrics'}[${n}]`, criterion),
    )
  }),
]

const criterionProblems = (path: string, { validator, parameters }: Criterion): ConfigProblem[] => {
  const rule = ruleOf(validator)
  if (!rule)
    return [
      {
        path,
        message: `${validator} is not known; known are ${[...validators, ...Object.keys(validatorOfMetric)].join(', ')}`,
      },
    ]
  if (rule === 'human') return []
  return Object.entries(rule.parameters)
    .filter(
      ([name, type]) =>
        !(typeof parameters[name] === 'number' || (type === 'all or number' && parameters[name] === 'all')),
    )
    .map(([name]) => ({ path: `${path}.${name}`, message: `${validator} needs the number ${name}` }))
}

const rollbackProblems = (
  path: string,
  { compensations }: RollbackConfig,
  templates: readonly TemplateConfig[],
): ConfigProblem[] =>
  compensations.flatMap(({ compensates: { template_id, task_id }, input_schema = {} }, index) => {
    const at = `${path}.compensations[${index}]`
    const undone = templates
      .find((template) => template.template_id === template_id)
      ?.tasks.find((task) => task.task_id === task_id)
    if (!undone)
      return [{ path: `${at}.compensates`, message: `there is no task ${task_id} in a template ${template_id}` }]
    const given = [
      ...journeyInputs,
      ...Object.keys(undone.input_schema ?? {}),
      ...Object.keys(undone.output_schema ?? {}),
    ]
    return Object.entries(input_schema)
      .filter(([name, { required }]) => required && !given.includes(name))
      .map(([name]) => ({ path: `${at}.input_schema.${name}`, message: `${task_id} neither takes nor gives ${name}` }))
  })
