import type { StageId } from '../journey/stages.js'
import type { JsonObject } from '../values.js'

/** How often and after how long a failed task is tried again. */
export type RetryPolicy = {
  max_retries: number
  backoff: 'exponential' | 'linear' | 'none'
  initial_ms: number
  max_ms: number
}

export type FieldType = 'string' | 'number' | 'boolean' | 'array' | 'object'
export type Field = { type: FieldType; required?: boolean }

/** A task as it is pinned into a unit of work. */
export type PlannedTask = {
  task_id: string
  name: string
  kind: 'agent' | 'human'
  /** What an agent must offer to be given the task; for a human task, the check that it decides. */
  intent: string
  /** The one agent that shall do it, when the template names it. */
  agent_id?: string
  depends_on: string[]
  input_schema: Record<string, Field>
  output_schema: Record<string, Field>
  /** Inputs known beforehand; they win over what upstream tasks and the journey bring. */
  input: JsonObject
  retry: RetryPolicy
  timeout_ms: number
}

export type Plan = { template_id: string; name: string; tasks: PlannedTask[] }

/** What undoes one task of a template, when a stage is rolled back. */
export type Compensation = {
  compensates: { template_id: string; task_id: string }
  task: Omit<PlannedTask, 'depends_on'>
}

export type RollbackTemplate = {
  template_id: string
  name: string
  from_stage: StageId
  to_stage: StageId
  compensations: Compensation[]
}
