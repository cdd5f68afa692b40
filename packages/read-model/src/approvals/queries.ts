import { sql, type Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { ApprovalRow } from './table.js'

export type ApprovalFilter = {
  /** Only those that wait for a decision, or only those that do not. */
  open?: boolean | undefined
  clientId?: string | undefined
  limit: number
  /** Of the last approval of the page before. */
  after?: readonly [askedAt: string, workId: string, taskId: string] | undefined
}

/** Decisions asked of people, in the order in which they were asked. */
export const findApprovals = (
  db: Kysely<Tables>,
  { open, clientId, limit, after }: ApprovalFilter,
): Promise<ApprovalRow[]> =>
  db
    .selectFrom('approvals')
    .selectAll()
    .$if(open !== undefined, (query) => query.where('closed_at', open ? 'is' : 'is not', null))
    .$if(clientId !== undefined, (query) => query.where('client_id', '=', clientId!))
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(asked_at, work_id, task_id) > (${after?.[0]}, ${after?.[1]}, ${after?.[2]})`),
    )
    .orderBy('asked_at')
    .orderBy('work_id')
    .orderBy('task_id')
    .limit(limit)
    .execute()
