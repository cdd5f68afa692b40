import { stages } from '@journey/domain'
import type { Schema } from '../commands/schema.js'
import type { StoredType } from './names.js'

const text: Schema = { type: 'string' }
const orNull = (schema: Schema): Schema => ({ ...schema, type: [schema.type as string, 'null'] })
const count: Schema = { type: 'integer', minimum: 0 }
const nth: Schema = { type: 'integer', minimum: 1 }
const yesNo: Schema = { type: 'boolean' }
const anything: Schema = { type: 'object' }
const texts: Schema = { type: 'array', items: text }
const stage: Schema = { type: 'string', enum: [...stages] }
const oneOf = (...values: string[]): Schema => ({ type: 'string', enum: values })

/** Fields are required, unless their name ends in `?`. Further fields are let be: a newer minor version may bring them. */
const object = (fields: Record<string, Schema>): Schema => ({
  type: 'object',
  properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
  required: Object.keys(fields).filter((name) => !name.endsWith('?')),
})

const journey = { client_id: text, episode: nth }
const visit = { ...journey, stage, visit: nth }
const move = { ...journey, from_stage: stage, to_stage: stage, visit: nth, reason: text }
const results = {
  exit_criteria_results: { type: 'object', additionalProperties: yesNo } satisfies Schema,
  exit_criteria_details: {
    type: 'array',
    items: object({
      check_id: text,
      name: text,
      verdict: oneOf('pass', 'fail', 'pending', 'inconclusive', 'error'),
      passed: yesNo,
      comparisons: { type: 'array', items: anything },
      message: text,
    }),
  } satisfies Schema,
}
const work = { work_id: text, client_id: text, stage, kind: oneOf('setup', 'gate', 'rollback') }
const task = { ...work, task_id: text }
const ended = { ...work, episode: nth, visit: nth, n: nth }
const agent = { agent_id: text, name: text, intents: texts, type: text, version: text, cognitive_pattern: orNull(text) }

/**
 * The JSON Schema (draft 07) of each event's `data` in the version it is written in today, by stored type. What was released is
 * kept beside (`released/`), and `npm run schemas -- check` says what a change here would break.
 */
export const eventSchemas: Record<StoredType, Schema> = {
  JourneyStarted: object({
    ...journey,
    initial_stage: stage,
    visit: nth,
    initiated_by: text,
    data_sources: texts,
    connectors: texts,
    users: { type: 'array' },
    pilot_cohort_size: nth,
    contract_signed: yesNo,
    parameters: anything,
  }),
  ExitEvaluationRequested: object({
    ...visit,
    n: nth,
    trigger: oneOf('setup_completed', 'requested', 'evidence', 'scheduled'),
  }),
  ExitCriteriaEvaluated: object({
    ...visit,
    n: nth,
    work_id: text,
    verdict: oneOf('pass', 'fail', 'pending', 'inconclusive', 'error'),
    ...results,
  }),
  StagePromoted: object({ ...move, initiated_by: text, ...results }),
  PromotionHeld: object({ ...visit, reason: text, held_by: text }),
  PromotionReleased: object({ ...visit, reason: text, released_by: text }),
  RollbackInitiated: object({ ...move, category: text, initiated_by: text, snapshot_revision: count }),
  RollbackCompleted: object({ ...move, work_id: text }),
  RollbackFailed: object({ ...move, work_id: text }),
  JourneyCancelled: object({ ...visit, reason: text, cancelled_by: text }),
  JourneyCompleted: object({ ...visit, reason: text, completed_by: text, ...results }),
  UnitOfWorkCreated: object({
    ...ended,
    plan: object({ template_id: text, name: text, tasks: { type: 'array', items: anything } }),
    inputs: anything,
    parameters: anything,
    'criteria?': { type: 'array', items: anything },
    'approvals?': anything,
  }),
  UnitOfWorkCompleted: object({ ...ended, results: anything }),
  UnitOfWorkFailed: object({ ...ended, results: anything, failed_tasks: texts, reason: text }),
  UnitOfWorkCancelled: object({ ...ended, reason: text, cancelled_by: text }),
  TaskExecutionStarted: object({
    ...task,
    name: text,
    intent: text,
    attempt: nth,
    token: text,
    timeout_ms: { type: 'number', exclusiveMinimum: 0 },
    input: anything,
    target_agent: orNull(text),
    failed_agent: orNull(text),
  }),
  TaskExecutionCompleted: object({ ...task, attempt: nth, output: anything, agent_id: orNull(text) }),
  TaskExecutionFailed: object({
    ...task,
    attempt: count,
    code: text,
    message: text,
    retryable: yesNo,
    agent_id: orNull(text),
    final: yesNo,
  }),
  TaskRetryScheduled: object({ ...task, attempt: nth, delay_ms: count, retry_at: text }),
  TaskLateResultRecorded: object({
    ...task,
    attempt: nth,
    outcome: oneOf('completed', 'failed'),
    output: orNull(anything),
    code: orNull(text),
    message: orNull(text),
    agent_id: orNull(text),
  }),
  ApprovalRequested: object({ ...task, name: text }),
  ApprovalDecided: object({ ...task, decision: oneOf('approve', 'reject'), comment: orNull(text), decided_by: text }),
  AgentCreated: object({ ...agent, created_by: text }),
  AgentUpdated: object({ ...agent, updated_by: text }),
}
