import type { Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { AdmissionRow } from './table.js'

/** The units of work of these clients that wait for a place among those that may execute. */
export const waitingAdmissionsOf = async (
  db: Kysely<Tables>,
  clientIds: readonly string[],
): Promise<Pick<AdmissionRow, 'work_id' | 'client_id' | 'kind' | 'requested_at'>[]> =>
  clientIds.length === 0
    ? []
    : db
        .selectFrom('admissions')
        .select(['work_id', 'client_id', 'kind', 'requested_at'])
        .where('client_id', 'in', clientIds)
        .where('state', '=', 'waiting')
        .orderBy('requested_at')
        .execute()
