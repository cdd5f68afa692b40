import type { TaskView, WorkRow } from '../works/table.js'
import type { ApprovalRow } from './table.js'

/** What a unit of work ever asked of people, as it stands now. */
export const approvalRows = (work: WorkRow): ApprovalRow[] =>
  work.tasks.flatMap((task) => (task.approval ? [rowOf(work, task, task.approval)] : []))

const rowOf = (work: WorkRow, task: TaskView, approval: NonNullable<TaskView['approval']>): ApprovalRow => ({
  work_id: work.work_id,
  task_id: task.task_id,
  client_id: work.client_id,
  stage: work.stage,
  name: task.name,
  ...approval,
  closed_at: approval.decided_at ?? (task.status === 'cancelled' ? work.completed_at : null),
})
