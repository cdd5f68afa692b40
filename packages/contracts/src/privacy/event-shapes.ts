import type { StoredType } from '../events/names.js'
import type { Shape } from './redaction.js'

const plain = 'plain'

/** The fields named are plain. */
const fields = <Name extends string>(...names: Name[]): Record<Name, 'plain'> =>
  Object.fromEntries(names.map((name) => [name, plain])) as Record<Name, 'plain'>

const visit = fields('client_id', 'episode', 'stage', 'visit')
const move = fields('client_id', 'episode', 'from_stage', 'to_stage', 'visit')
const work = fields('work_id', 'client_id', 'stage', 'kind')
const task = { ...work, ...fields('task_id') }
const ended = { ...work, ...fields('episode', 'visit', 'n') }
const agent = fields('agent_id', 'name', 'intents', 'type', 'version', 'cognitive_pattern')

/** One bound held against what was measured; the unit is the agent's own word. */
export const comparisonShape = fields('measurement', 'value', 'operator', 'threshold', 'passed', 'sample_size')
export const checkShape = {
  ...fields('check_id', 'name', 'verdict', 'passed'),
  comparisons: [comparisonShape],
} as const
const results = { ...fields('exit_criteria_results'), exit_criteria_details: [checkShape] } as const

/** What came of each task: outputs, messages and comments are content. */
export const taskResultsShape = { '*': fields('status', 'agent_id', 'decision', 'decided_by', 'code') }

/** Checks with their thresholds, which are configuration. */
export const criteriaShape = [fields('check_id', 'name', 'validator', 'parameters')] as const

/** Tasks as the templates have them; the inputs that a rollback knows beforehand are outputs of the tasks it undoes. */
const planShape = {
  ...fields('template_id', 'name'),
  tasks: [
    fields(
      'task_id',
      'name',
      'kind',
      'intent',
      'agent_id',
      'depends_on',
      'input_schema',
      'output_schema',
      'retry',
      'timeout_ms',
    ),
  ],
} as const

/** A unit of work as it is created. */
export const creationShape = { ...ended, plan: planShape, criteria: criteriaShape, approvals: plain } as const

/**
 * What of each event stays plain on the disk, and is left of it when its client is erased: ids, types, numbers, times, states
 * and plans; enough to fold it. Whatever is not named here is content, so that a new field is sealed unless someone decides
 * otherwise. What agents say of themselves belongs to no client.
 */
export const eventShapes: Record<StoredType, Shape> = {
  JourneyStarted: {
    ...fields('client_id', 'episode', 'initial_stage', 'visit', 'initiated_by', 'pilot_cohort_size', 'contract_signed'),
  },
  ExitEvaluationRequested: { ...visit, ...fields('n', 'trigger') },
  ExitCriteriaEvaluated: { ...visit, ...fields('n', 'work_id', 'verdict'), ...results },
  StagePromoted: { ...move, ...fields('initiated_by'), ...results },
  PromotionHeld: { ...visit, ...fields('held_by') },
  PromotionReleased: { ...visit, ...fields('released_by') },
  RollbackInitiated: { ...move, ...fields('category', 'initiated_by', 'snapshot_revision') },
  RollbackCompleted: { ...move, ...fields('work_id') },
  RollbackFailed: { ...move, ...fields('work_id') },
  JourneyCancelled: { ...visit, ...fields('cancelled_by') },
  JourneyCompleted: { ...visit, ...fields('completed_by'), ...results },
  UnitOfWorkCreated: creationShape,
  UnitOfWorkCompleted: { ...ended, results: taskResultsShape },
  UnitOfWorkFailed: { ...ended, results: taskResultsShape, ...fields('failed_tasks') },
  UnitOfWorkCancelled: { ...ended, ...fields('cancelled_by') },
  TaskExecutionStarted: {
    ...task,
    ...fields('name', 'intent', 'attempt', 'token', 'timeout_ms', 'target_agent', 'failed_agent'),
  },
  TaskExecutionCompleted: { ...task, ...fields('attempt', 'agent_id') },
  TaskExecutionFailed: { ...task, ...fields('attempt', 'code', 'retryable', 'agent_id', 'final') },
  TaskRetryScheduled: { ...task, ...fields('attempt', 'delay_ms', 'retry_at') },
  TaskLateResultRecorded: { ...task, ...fields('attempt', 'outcome', 'code', 'agent_id') },
  ApprovalRequested: { ...task, ...fields('name') },
  ApprovalDecided: { ...task, ...fields('decision', 'decided_by') },
  AgentCreated: { ...agent, ...fields('created_by') },
  AgentUpdated: { ...agent, ...fields('updated_by') },
}
