import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { compileCatalog, type Catalog, type CatalogConfig, type Journey, type StageConfig } from '@journey/domain'
import { readSettings, type Detail, type Environment } from '@journey/runtime'
import { loggingFile } from './logging.js'
import { attempt, invalid, problem } from './problems.js'
import { OrchestratorSettings } from './settings.js'
import { readYaml } from './yaml.js'

type OrchestratorFile = {
  name: string
  version: string
  max_concurrent_journeys: number
  worker_pool_size: number
  timeouts: CatalogConfig['timeouts'] & { rollback_initiation_seconds: number }
  retry: CatalogConfig['retry']
  circuit_breaker: {
    enabled: boolean
    failure_threshold: number
    timeout_seconds: number
    half_open_max_requests: number
  }
  features: {
    auto_promotion_enabled: boolean
    auto_rollback_enabled: boolean
    glean_dashboard_enabled: boolean
    metrics_publishing_enabled: boolean
  }
}

/** How the orchestrator is to behave: the files, what the environment says instead, and the plans made of both. */
export type Configuration = {
  orchestrator: OrchestratorFile
  catalog: Catalog
  policy: Journey.Policy
  auto_rollback: boolean
  re_evaluation_ms: number
  heartbeat_ms: number
  /** Every value that the environment set: variable, path in the files, value. */
  overrides: { variable: string; path: string; value: unknown }[]
}

/** The file that holds the orchestrator's own settings; every other `*.yaml` beside it holds definitions, but for `logging.yaml`. */
export const orchestratorFile = 'journey-orchestrator.yaml'

/**
 * Reads and checks the configuration: defaults, then the YAML files of a folder, then the environment.
 *
 * @throws malformed `config/invalid` with every problem of every file at once, each by file and path
 */
export const loadConfiguration = (folder: string, env: Environment): Configuration => {
  const problems: Detail[] = []
  const settings = attempt(() => readSettings(OrchestratorSettings, env), problems)
  const files =
    attempt(
      () =>
        readdirSync(folder)
          .filter((name) => name.endsWith('.yaml'))
          .sort(),
      problems,
      `${folder}: `,
    ) ?? []
  if (files.length > 0 && !files.includes(orchestratorFile))
    problems.push(problem(join(folder, orchestratorFile), 'missing', 'the file is missing'))
  const read = files.map((name) => ({ name, content: readYaml(join(folder, name), name, problems) }))
  if (problems.length > 0 || !settings) throw invalid(problems)

  const { orchestrator } = read.find(({ name }) => name === orchestratorFile)!.content as {
    orchestrator: OrchestratorFile
  }
  const definitions = read
    .filter(({ name }) => name !== orchestratorFile && name !== loggingFile)
    .map(({ name, content }) => ({ name, ...(content as Definitions) }))
  const config: CatalogConfig = {
    stages: definitions.flatMap(({ stages = [] }) => stages),
    templates: definitions.flatMap(({ templates = [] }) => templates),
    rollbacks: definitions.flatMap(({ rollbacks = [] }) => rollbacks),
    retry: orchestrator.retry,
    timeouts: orchestrator.timeouts,
  }
  for (const { stage, ...metric } of definitions.flatMap(({ success_metrics = [] }) => success_metrics))
    config.stages.find(({ stage_id }) => stage_id === stage)?.success_metrics?.push(metric)
  const overrides = override(orchestrator, config.stages, settings)
  const { catalog, problems: found } = compileCatalog(config)
  if (found.length > 0)
    throw invalid(found.map(({ path, message }) => problem(placeOf(path, definitions), 'invalid', message)))
  return {
    orchestrator,
    catalog,
    policy: {
      enabled: settings.enabled,
      auto_promotion: orchestrator.features.auto_promotion_enabled,
      auto_completion: settings.autoCompletion,
    },
    auto_rollback: orchestrator.features.auto_rollback_enabled,
    re_evaluation_ms: settings.reEvaluationSeconds * 1000,
    heartbeat_ms: settings.heartbeatSeconds * 1000,
    overrides,
  }
}

type Definitions = {
  stages?: StageConfig[]
  templates?: CatalogConfig['templates']
  rollbacks?: CatalogConfig['rollbacks']
  success_metrics?: (NonNullable<StageConfig['success_metrics']>[number] & { stage: string })[]
}

/** The path of a problem in the joined lists, as file and path in that file. */
const placeOf = (path: string, definitions: ({ name: string } & Definitions)[]): string => {
  const match = /^(stages|templates|rollbacks)\[(\d+)\](.*)$/.exec(path)
  if (!match) return path
  const list = match[1] as 'stages' | 'templates' | 'rollbacks'
  let index = Number(match[2])
  for (const definition of definitions) {
    const length = definition[list]?.length ?? 0
    if (index < length) return `${definition.name}: ${list}[${index}]${match[3] ?? ''}`
    index -= length
  }
  return path
}

/** Writes what the environment says over what the files say, and tells what that was. */
const override = (
  orchestrator: OrchestratorFile,
  stages: StageConfig[],
  settings: Readonly<OrchestratorSettings>,
): Configuration['overrides'] => {
  const overrides: Configuration['overrides'] = []
  const set = (variable: string, path: string, value: unknown, write: () => void) => {
    if (value === undefined) return
    write()
    overrides.push({ variable, path, value })
  }
  const stage = (id: string) => stages.find(({ stage_id }) => stage_id === id)
  const check = (stageId: string, checkId: string) =>
    stage(stageId)?.exit_criteria?.find(({ check_id }) => check_id === checkId)?.parameters ?? {}
  const metric = (id: string): Record<string, unknown> =>
    stage('production')?.success_metrics?.find((one) => one.metric === id) ?? {}
  const into = (variable: string, where: string, target: Record<string, unknown>, name: string, value: unknown) =>
    set(variable, `${where}.${name}`, value, () => (target[name] = value))

  into('JOURNEY_MAX_CONCURRENT', 'orchestrator', orchestrator, 'max_concurrent_journeys', settings.maxConcurrent)
  into(
    'JOURNEY_STAGE_TRANSITION_TIMEOUT',
    'orchestrator.timeouts',
    orchestrator.timeouts,
    'stage_transition_seconds',
    settings.stageTransitionSeconds,
  )
  into(
    'JOURNEY_UOW_TASK_TIMEOUT',
    'orchestrator.timeouts',
    orchestrator.timeouts,
    'task_execution_seconds',
    settings.taskTimeoutSeconds,
  )
  for (const [variable, id, days] of [
    ['SANDBOX_DURATION_TARGET_DAYS', 'sandbox', settings.sandboxDays],
    ['PILOT_DURATION_TARGET_DAYS', 'pilot', settings.pilotDays],
  ] as const)
    into(variable, `stages.${id}`, stage(id) ?? {}, 'duration_target_days', days)
  into(
    'SANDBOX_EXIT_SEARCH_QUALITY_MIN',
    'stages.sandbox.search_quality',
    check('sandbox', 'search_quality'),
    'min_precision',
    settings.sandboxSearchQuality,
  )
  into(
    'SANDBOX_EXIT_SECURITY_CRITICAL_MAX',
    'stages.sandbox.security_scan',
    check('sandbox', 'security_scan'),
    'max_critical',
    settings.sandboxCriticalMax,
  )
  if (!settings.sandboxDemoRequired)
    into(
      'SANDBOX_EXIT_DEMO_APPROVAL_REQUIRED',
      'stages.sandbox.demo_approval',
      check('sandbox', 'demo_approval'),
      'required',
      false,
    )
  into(
    'PILOT_EXIT_SEARCH_QUALITY_MIN',
    'stages.pilot.search_quality',
    check('pilot', 'search_quality'),
    'min_precision',
    settings.pilotSearchQuality,
  )
  into(
    'PILOT_EXIT_USER_SATISFACTION_MIN',
    'stages.pilot.user_satisfaction',
    check('pilot', 'user_satisfaction'),
    'min_score',
    settings.pilotSatisfaction,
  )
  into(
    'PILOT_EXIT_BUG_WINDOW_DAYS',
    'stages.pilot.bug_window',
    check('pilot', 'bug_window'),
    'window_days',
    settings.pilotBugWindowDays,
  )
  into(
    'PILOT_EXIT_P95_LATENCY_MAX_MS',
    'stages.pilot.performance_sla',
    check('pilot', 'performance_sla'),
    'p95_latency_max_ms',
    settings.pilotLatencyMs,
  )
  into(
    'PRODUCTION_ADOPTION_TARGET',
    'stages.production.user_adoption',
    metric('user_adoption'),
    'target',
    settings.productionAdoption,
  )
  into(
    'PRODUCTION_SATISFACTION_TARGET',
    'stages.production.search_satisfaction',
    metric('search_satisfaction'),
    'target',
    settings.productionSatisfaction,
  )
  into(
    'PRODUCTION_GROWTH_TARGET',
    'stages.production.query_volume_growth',
    metric('query_volume_growth'),
    'target',
    settings.productionGrowth,
  )
  return overrides
}
