import type { Stage } from '@journey/domain'
import { sql, type Kysely } from 'kysely'
import type { Tables } from '../tables.js'

/** How many active journeys have stayed in their stage longer than its target, by stage. */
export const overdueByStage = async (db: Kysely<Tables>, targets: readonly Stage[]): Promise<Map<string, number>> => {
  const counts = new Map<string, number>()
  for (const { stage_id, duration_target_days } of targets) {
    if (duration_target_days === null) continue
    const { count } = await db
      .selectFrom('journey_states')
      .select(sql<number>`count(*)`.as('count'))
      .where('status', '=', 'active')
      .where('stage', '=', stage_id)
      .where(
        'stage_started_at',
        '<',
        sql<string>`now() at time zone 'UTC' - make_interval(days => ${duration_target_days})`,
      )
      .executeTakeFirstOrThrow()
    counts.set(stage_id, count)
  }
  return counts
}
