import { logLevels } from '@journey/runtime'
import { hearingServices } from '../control.js'

/** JSON Schemas of the configuration files under `infra/config` (TECH-003 sections 3.1 to 3.3). Numbers are held to sense, names to their forms. */
const text = { type: 'string', minLength: 1, maxLength: 255 }
const positive = { type: 'number', exclusiveMinimum: 0 }
const count = { type: 'integer', minimum: 0 }
const intent = { type: 'string', pattern: '^[a-z0-9_]{1,100}$' }
const stage = { enum: ['sandbox', 'pilot', 'production'] }
const object = (properties: Record<string, object>, optional: string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})
const fields = {
  type: 'object',
  additionalProperties: object(
    { type: { enum: ['string', 'number', 'boolean', 'array', 'object'] }, required: { type: 'boolean' } },
    ['required'],
  ),
}
const backoff = { enum: ['exponential', 'linear', 'none'] }

const task = {
  task_id: text,
  name: text,
  agent_intent: intent,
  agent_id: text,
  input_schema: fields,
  output_schema: fields,
  retry_policy: object({ max_retries: count, backoff }),
  timeout_seconds: positive,
}
const optionalOfTask = ['agent_id', 'input_schema', 'output_schema', 'retry_policy', 'timeout_seconds']

const template = object({
  template_id: text,
  name: text,
  stage,
  tasks: {
    type: 'array',
    minItems: 1,
    items: object({ ...task, depends_on: { type: 'array', items: text } }, [...optionalOfTask, 'depends_on']),
  },
})

const rollback = object({
  template_id: text,
  name: text,
  from_stage: stage,
  to_stage: stage,
  compensations: {
    type: 'array',
    items: object({ ...task, compensates: object({ template_id: text, task_id: text }) }, optionalOfTask),
  },
})

const check = object({ check_id: intent, name: text, validator: text, parameters: { type: 'object' } })
const metric = { type: 'object', properties: { metric: intent, name: text }, required: ['metric'] }

const stageDefinition = object(
  {
    stage_id: stage,
    name: text,
    order: count,
    duration_target_days: { type: ['number', 'null'] },
    exit_criteria: { type: 'array', items: check },
    success_metrics: { type: 'array', items: metric },
  },
  ['exit_criteria', 'success_metrics'],
)

/** `journey-orchestrator.yaml` */
export const orchestratorSchema = object({
  orchestrator: object({
    name: text,
    version: text,
    max_concurrent_journeys: { type: 'integer', minimum: 1 },
    worker_pool_size: { type: 'integer', minimum: 1 },
    timeouts: object({
      stage_transition_seconds: positive,
      task_execution_seconds: positive,
      exit_criteria_validation_seconds: positive,
      rollback_initiation_seconds: positive,
    }),
    retry: object({
      max_task_retries: count,
      backoff_strategy: backoff,
      initial_backoff_seconds: positive,
      max_backoff_seconds: positive,
    }),
    circuit_breaker: object({
      enabled: { type: 'boolean' },
      failure_threshold: { type: 'integer', minimum: 1 },
      timeout_seconds: positive,
      half_open_max_requests: { type: 'integer', minimum: 1 },
    }),
    features: object({
      auto_promotion_enabled: { type: 'boolean' },
      auto_rollback_enabled: { type: 'boolean' },
      glean_dashboard_enabled: { type: 'boolean' },
      metrics_publishing_enabled: { type: 'boolean' },
    }),
  }),
})

/** `logging.yaml` */
export const loggingSchema = object({
  logging: object(
    {
      level: { enum: logLevels },
      services: { type: 'object', propertyNames: { enum: hearingServices }, additionalProperties: { enum: logLevels } },
    },
    ['level', 'services'],
  ),
})

/** Every other file: any of these lists; those of one name are joined over the files. */
export const definitionsSchema = object(
  {
    stages: { type: 'array', items: stageDefinition },
    templates: { type: 'array', items: template },
    rollbacks: { type: 'array', items: rollback },
    /** Metrics that a stage of another file gets besides its own. */
    success_metrics: {
      type: 'array',
      items: { ...metric, properties: { ...metric.properties, stage }, required: ['metric', 'stage'] },
    },
  },
  ['stages', 'templates', 'rollbacks', 'success_metrics'],
)
