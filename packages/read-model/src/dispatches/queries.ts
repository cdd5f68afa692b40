import type { Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { DispatchRow } from './table.js'

/** The attempts of these clients' tasks that wait for an agent or are with one. */
export const openDispatchesOf = async (
  db: Kysely<Tables>,
  clientIds: readonly string[],
): Promise<Omit<DispatchRow, 'token' | 'message'>[]> =>
  clientIds.length === 0
    ? []
    : db
        .selectFrom('dispatches')
        .select(['work_id', 'task_id', 'attempt', 'client_id', 'stage', 'intent', 'target_agent', 'failed_agent'])
        .select(['timeout_ms', 'state', 'waits_for', 'agent_id', 'since', 'published_at', 'deadline'])
        .where('client_id', 'in', clientIds)
        .where('state', '<>', 'settled')
        .execute()
