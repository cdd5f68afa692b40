import type { Recorded } from '@journey/contracts'
import type { Instant, PlannedTask, UnitOfWork } from '@journey/domain'
import { neverBegun } from '../projection/never-begun.js'
import type { AttemptView, TaskView, WorkRow } from './table.js'

/** The row after an event. Pure. */
export const evolveWork = (row: WorkRow | undefined, recorded: Recorded<UnitOfWork.Event>): WorkRow => {
  const { event, at, revision } = recorded
  if (event.type === 'UnitOfWorkCreated') return created(event.data, at, revision)
  if (!row) throw neverBegun(recorded)
  const now: WorkRow = { ...row, updated_at: at, revision }
  switch (event.type) {
    case 'TaskExecutionStarted': {
      const { attempt, input } = event.data
      const begun: AttemptView = { ...untried, attempt, started_at: at }
      return changeTask(going(now, at), event.data.task_id, (task) => ({
        ...task,
        status: 'in_progress',
        attempts: [...task.attempts, begun],
        retry_count: task.attempts.length,
        retry_at: null,
        input,
        output: null,
        error: null,
      }))
    }
    case 'TaskExecutionCompleted': {
      const { attempt, output, agent_id } = event.data
      return changeTask(now, event.data.task_id, (task) => ({
        ...endAttempt(task, attempt, { ended_at: at, agent_id, outcome: 'completed' }),
        status: 'completed',
        agent_id: agent_id ?? task.agent_id,
        retry_at: null,
        output,
        error: null,
      }))
    }
    case 'TaskExecutionFailed': {
      const { attempt, agent_id, code, message } = event.data
      return changeTask(going(now, at), event.data.task_id, (task) => ({
        ...endAttempt(task, attempt, { ended_at: at, agent_id, outcome: 'failed', code, message }),
        status: 'failed',
        agent_id: agent_id ?? task.agent_id,
        retry_at: null,
        error: { code, message },
      }))
    }
    case 'TaskRetryScheduled': {
      const { retry_at } = event.data
      return changeTask(now, event.data.task_id, (task) => ({ ...task, status: 'retrying', retry_at }))
    }
    case 'TaskLateResultRecorded': {
      const { attempt, outcome, agent_id, output } = event.data
      const late = { outcome, at, agent_id, output }
      return changeTask(now, event.data.task_id, (task) => ({
        ...task,
        attempts: task.attempts.map((one) => (one.attempt === attempt ? { ...one, late } : one)),
      }))
    }
    case 'ApprovalRequested':
      return changeTask(going(now, at), event.data.task_id, (task) => ({
        ...task,
        status: 'waiting_approval',
        approval: { asked_at: at, decision: null, decided_by: null, comment: null, decided_at: null },
        error: null,
      }))
    case 'ApprovalDecided': {
      const { decision, decided_by, comment } = event.data
      return changeTask(now, event.data.task_id, (task) => ({
        ...task,
        status: decision === 'approve' ? 'completed' : 'failed',
        approval: { asked_at: task.approval?.asked_at ?? at, decision, decided_by, comment, decided_at: at },
        error: decision === 'approve' ? null : { code: 'approval/rejected', message: comment ?? `by ${decided_by}` },
      }))
    }
    case 'UnitOfWorkCompleted':
      return over(now, at, { status: 'completed', results: event.data.results })
    case 'UnitOfWorkFailed':
      return over(now, at, { status: 'failed', results: event.data.results, reason: event.data.reason })
    case 'UnitOfWorkCancelled': {
      const { reason, cancelled_by } = event.data
      return {
        ...over(now, at, { status: 'failed', results: { cancelled: true, reason, cancelled_by }, reason }),
        tasks: now.tasks.map((task) => (isOpen(task) ? cancelled(task, at) : task)),
      }
    }
  }
}

const created = (data: UnitOfWork.Creation, at: Instant, revision: number): WorkRow => ({
  work_id: data.work_id,
  client_id: data.client_id,
  stage: data.stage,
  status: 'pending',
  tasks: data.plan.tasks.map(planned),
  results: null,
  created_at: at,
  started_at: null,
  completed_at: null,
  kind: data.kind,
  episode: data.episode,
  visit: data.visit,
  n: data.n,
  template_id: data.plan.template_id,
  name: data.plan.name,
  inputs: data.inputs,
  parameters: data.parameters,
  criteria: data.criteria ?? null,
  reason: null,
  updated_at: at,
  revision,
})

const planned = ({ task_id, name, kind, intent, agent_id, depends_on, timeout_ms }: PlannedTask): TaskView => ({
  task_id,
  name,
  kind,
  intent,
  agent_id: agent_id ?? null,
  depends_on,
  timeout_ms,
  status: 'pending',
  retry_count: 0,
  retry_at: null,
  attempts: [],
  approval: null,
  input: null,
  output: null,
  error: null,
})

const untried: Omit<AttemptView, 'attempt' | 'started_at'> = {
  ended_at: null,
  agent_id: null,
  outcome: null,
  code: null,
  message: null,
  late: null,
}

/** A unit of work goes on from its first task, and again when a failed or a cancelled one is tried again. */
const going = (row: WorkRow, at: Instant): WorkRow => ({
  ...row,
  tasks: row.tasks.map((task) => (task.status === 'cancelled' ? afterCancellation(task, row.reason ?? '') : task)),
  status: 'in_progress',
  started_at: row.started_at ?? at,
  completed_at: null,
  results: null,
  reason: null,
})

const over = (
  row: WorkRow,
  at: Instant,
  {
    status,
    results,
    reason = null,
  }: { status: WorkRow['status']; results: WorkRow['results']; reason?: string | null },
): WorkRow => ({ ...row, status, results, reason, started_at: row.started_at ?? at, completed_at: at })

const changeTask = (row: WorkRow, taskId: string, change: (task: TaskView) => TaskView): WorkRow => ({
  ...row,
  tasks: row.tasks.map((task) => (task.task_id === taskId ? change(task) : task)),
})

/** A task may fail without an attempt of its own, as when an input is missing: an attempt that ended stays as it ended. */
const endAttempt = (task: TaskView, attempt: number, end: Partial<AttemptView>): TaskView => ({
  ...task,
  attempts: task.attempts.map((one) => (one.attempt === attempt && one.ended_at === null ? { ...one, ...end } : one)),
})

/** When its unit of work goes on after all: what was under way has failed by the cancellation, the rest may still begin. */
const afterCancellation = (task: TaskView, message: string): TaskView =>
  task.attempts.length > 0 || task.approval !== null
    ? { ...task, status: 'failed', error: { code: 'unit_of_work/cancelled', message } }
    : { ...task, status: 'pending' }

const isOpen = ({ status }: TaskView): boolean =>
  ['pending', 'in_progress', 'retrying', 'waiting_approval'].includes(status)

const cancelled = (task: TaskView, at: Instant): TaskView => ({
  ...task,
  status: 'cancelled',
  retry_at: null,
  attempts: task.attempts.map((one) => (one.ended_at === null ? { ...one, ended_at: at, outcome: 'cancelled' } : one)),
})
