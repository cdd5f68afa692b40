import type { Selectable } from 'kysely'
import type { Criterion, Instant, JsonObject, StageId, UnitOfWork, WorkKind } from '@journey/domain'
import type { JsonColumn, NullableJsonColumn, Sealed } from '../columns.js'

export type WorkStatus = 'pending' | 'in_progress' | 'completed' | 'failed'

export type TaskStatus =
  'pending' | 'in_progress' | 'retrying' | 'waiting_approval' | 'completed' | 'failed' | 'cancelled'

/** One try of a task. `late` is a result that came after the try was over; it changed nothing. */
export type AttemptView = {
  attempt: number
  started_at: Instant
  ended_at: Instant | null
  agent_id: string | null
  outcome: 'completed' | 'failed' | 'cancelled' | null
  code: string | null
  message: string | null
  late: { outcome: 'completed' | 'failed'; at: Instant; agent_id: string | null; output: JsonObject | null } | null
}

/** What was asked of a person; `decision` is null as long as it is open. */
export type ApprovalView = {
  asked_at: Instant
  decision: UnitOfWork.Decision | null
  decided_by: string | null
  comment: string | null
  decided_at: Instant | null
}

export type TaskView = {
  task_id: string
  name: string
  kind: 'agent' | 'human'
  intent: string
  /** The agent the template names, then the one that answered last. */
  agent_id: string | null
  depends_on: string[]
  timeout_ms: number
  status: TaskStatus
  /** Attempts beyond the first. */
  retry_count: number
  /** When the next attempt starts, while the status is `retrying`. */
  retry_at: Instant | null
  attempts: AttemptView[]
  approval: ApprovalView | null
  input: JsonObject | null
  output: JsonObject | null
  error: { code: string; message: string } | null
}

export type WorkResults =
  Record<string, UnitOfWork.TaskResult> | { cancelled: true; reason: string; cancelled_by: string }

/** A cancelled unit of work has the status `failed` and `results.cancelled` true. Times are UTC. */
export type UnitOfWorksTable = {
  work_id: string
  client_id: string
  stage: StageId
  status: WorkStatus
  /** In the plan's order. */
  tasks: JsonColumn<TaskView[]>
  results: NullableJsonColumn<WorkResults>
  created_at: Instant
  /** When its first task started. */
  started_at: Instant | null
  /** When it ended, well or not; null again when a failed one goes on. */
  completed_at: Instant | null
  kind: WorkKind
  episode: number
  visit: number
  /** The n-th of its kind in its visit, from 1. */
  n: number
  template_id: string
  name: string
  inputs: JsonColumn<JsonObject>
  parameters: JsonColumn<JsonObject>
  /** For a gate: the checks with their thresholds. */
  criteria: NullableJsonColumn<Criterion[]>
  /** Why it failed or was cancelled. */
  reason: string | null
  updated_at: Instant
  /** The revision of its stream that the row stands at. */
  revision: number
  sealed: Sealed
}

export type WorkRow = Selectable<UnitOfWorksTable>
