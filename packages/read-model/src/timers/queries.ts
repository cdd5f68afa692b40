import type { Kysely } from 'kysely'
import type { Tables } from '../tables.js'

/** When the gates of these clients are evaluated again by themselves, where that is planned. */
export const nextEvaluations = async (
  db: Kysely<Tables>,
  clientIds: readonly string[],
): Promise<Map<string, string>> => {
  if (clientIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('timers')
    .select(['timer_id', 'due_at'])
    .where(
      'timer_id',
      'in',
      clientIds.map((clientId) => prefix + clientId),
    )
    .execute()
  return new Map(rows.map(({ timer_id, due_at }) => [timer_id.slice(prefix.length), due_at]))
}

/** How the stage process names these timers. */
const prefix = 're_evaluation:'
