import { sql, type Kysely } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'

/** The commit position up to which everything is confirmed; undefined before the first. */
export const loadCheckpoint = async (db: Kysely<Tables>, name: string): Promise<bigint | undefined> => {
  const row = await db.selectFrom('checkpoints').select('position').where('name', '=', name).executeTakeFirst()
  return row && BigInt(row.position)
}

/** Moves a checkpoint forward; it never goes back, whoever writes. */
export const saveCheckpoint = async (db: Kysely<Tables>, name: string, position: bigint): Promise<void> => {
  const moved = { position: position.toString(), at: sql<Instant>`now()` }
  await db
    .insertInto('checkpoints')
    .values({ name, ...moved })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet(moved).where('checkpoints.position', '<', position.toString()),
    )
    .execute()
}

/** Notes where in the log a moment lies; EventStoreDB starts at positions, not at times. */
export const notePosition = async (db: Kysely<Tables>, position: bigint, at: string): Promise<void> => {
  await db
    .insertInto('position_index')
    .values({ position: position.toString(), at })
    .onConflict((conflict) => conflict.column('position').doNothing())
    .execute()
}

/**
 * A position before which nothing was stored at or after a moment; undefined when the index does not reach so far back. The
 * clocks that events are stamped by may differ by some minutes, which is the caller's business.
 */
export const positionBefore = async (db: Kysely<Tables>, at: Instant): Promise<bigint | undefined> => {
  const { rows } = await sql<{ position: string | null }>`
    select max(position)::text as position from position_index
    where position < coalesce((select min(position) from position_index where at >= ${at}), 'infinity')`.execute(db)
  return rows[0]?.position ? BigInt(rows[0].position) : undefined
}
