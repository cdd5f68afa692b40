import type { Selectable } from 'kysely'
import type { Instant, StageId, UnitOfWork } from '@journey/domain'
import type { Sealed } from '../columns.js'

/** A decision asked of a person: open while `closed_at` is null; closed by the decision or with its unit of work. */
export type ApprovalsTable = {
  work_id: string
  task_id: string
  client_id: string
  stage: StageId
  name: string
  asked_at: Instant
  decision: UnitOfWork.Decision | null
  decided_by: string | null
  comment: string | null
  decided_at: Instant | null
  closed_at: Instant | null
  sealed: Sealed
}

export type ApprovalRow = Selectable<ApprovalsTable>
