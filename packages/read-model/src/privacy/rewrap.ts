import { sql, type Kysely } from 'kysely'
import { unwrap, wrap, type MasterKeys } from '@journey/contracts'
import type { Tables } from '../tables.js'
import { contextOf } from './vault.js'

/**
 * Wraps some data keys with the present master key that are wrapped with a former one. What they seal stays as it is, and they
 * are used meanwhile. Safe to repeat and to run side by side; when none is left, the former master keys may go.
 *
 * @throws unavailable `privacy/key_damaged`
 */
export const rewrapKeys = (
  db: Kysely<Tables>,
  { current, known }: MasterKeys,
  limit: number,
): Promise<{ rewrapped: number; left: number }> =>
  db.transaction().execute(async (transaction) => {
    const former = [...known.keys()].filter((id) => id !== current.id)
    const rows = await transaction
      .selectFrom('data_keys')
      .selectAll()
      .where('master_key_id', '=', sql<string>`any(${former}::text[])`)
      .limit(limit)
      .forUpdate()
      .skipLocked()
      .execute()
    for (const { client_id, generation, key_id, wrapped, master_key_id } of rows) {
      if (wrapped === null || master_key_id === null) continue
      const context = contextOf(client_id, generation, key_id)
      const secret = unwrap(known.get(master_key_id)!, wrapped, context)
      await transaction
        .updateTable('data_keys')
        .set({ wrapped: wrap(current, secret, context), master_key_id: current.id, rewrapped_at: sql<string>`now()` })
        .where('key_id', '=', key_id)
        .execute()
    }
    const left = await transaction
      .selectFrom('data_keys')
      .select(sql<number>`count(*)`.as('count'))
      .where('wrapped', 'is not', null)
      .where('master_key_id', '<>', current.id)
      .executeTakeFirstOrThrow()
    return { rewrapped: rows.length, left: left.count }
  })

/** How many data keys there are under each master key, and how many were destroyed. */
export const keyCounts = async (
  db: Kysely<Tables>,
): Promise<{ byMasterKey: ReadonlyMap<string, number>; destroyed: number }> => {
  const rows = await db
    .selectFrom('data_keys')
    .select(['master_key_id', sql<number>`count(*)`.as('count')])
    .groupBy('master_key_id')
    .orderBy('master_key_id')
    .execute()
  return {
    byMasterKey: new Map(rows.flatMap(({ master_key_id: id, count }) => (id === null ? [] : [[id, count]]))),
    destroyed: rows.find(({ master_key_id }) => master_key_id === null)?.count ?? 0,
  }
}
