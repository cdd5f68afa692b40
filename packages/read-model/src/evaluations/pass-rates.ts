import { sql, type Kysely } from 'kysely'
import type { StageId } from '@journey/domain'
import type { Tables } from '../tables.js'

/** Passed checks over all that were evaluated, 0 to 1, by stage; stages without any are left out. */
export const passRates = async (db: Kysely<Tables>): Promise<Map<StageId, number>> => {
  const rows = await db
    .selectFrom('exit_criteria_results')
    .select(['stage', sql<number>`avg(passed::int)::float8`.as('rate')])
    .groupBy('stage')
    .execute()
  return new Map(rows.map(({ stage, rate }) => [stage, rate]))
}
