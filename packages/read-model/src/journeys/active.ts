import { sql, type Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { CurrentStage } from './table.js'

/** How many journeys are under way, by what `current_stage` says of them; stages without any are left out. */
export const activeByStage = async (db: Kysely<Tables>): Promise<Map<CurrentStage, number>> => {
  const rows = await db
    .selectFrom('journey_states')
    .select(['current_stage', sql<number>`count(*)`.as('count')])
    .where('status', 'in', ['active', 'rolling_back'])
    .groupBy('current_stage')
    .execute()
  return new Map(rows.map(({ current_stage, count }) => [current_stage, count]))
}
