import { sql, type Kysely } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'

// What queues did not hear of the log, and have to hear again. Kept beside the relay's checkpoint, in the same table.

/** Up to where everything was published while all queues stood. */
export const wholeUpTo = 'event-relay.bound'
const gap = 'event-relay.gap'

/** A part of the log to be published again, from behind this position on; `at` changes with every loss. */
export type EventGap = { position: bigint; at: Instant }

export const eventGap = async (db: Kysely<Tables>): Promise<EventGap | undefined> => {
  const row = await db.selectFrom('checkpoints').select(['position', 'at']).where('name', '=', gap).executeTakeFirst()
  return row && { position: BigInt(row.position), at: row.at }
}

/**
 * Notes that a queue which hears events was lost with what it held: what was published since all queues were last known to stand
 * is published again, to everybody, who knows it by stream and revision. Safe to repeat.
 *
 * @param from where from, if it is known better
 */
export const noteEventGap = async (db: Kysely<Tables>, from?: bigint): Promise<void> => {
  const position =
    from === undefined ? sql`(select position from checkpoints where name = ${wholeUpTo})` : sql`${from.toString()}`
  await sql`
    insert into checkpoints (name, position, at) values (${gap}, coalesce(${position}::numeric, 0), clock_timestamp())
    on conflict (name) do update
      set position = least(checkpoints.position, excluded.position), at = excluded.at`.execute(db)
}

/** Closes the gap, unless something was lost since. */
export const closeEventGap = async (db: Kysely<Tables>, { at }: EventGap): Promise<void> => {
  await db.deleteFrom('checkpoints').where('name', '=', gap).where('at', '=', at).execute()
}
