import { sql, type Kysely, type Transaction } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'
import type { ParkedStream } from './table.js'

/** The parked ones among some streams, and those that wait for one of them. */
export const parkedWith = (
  transaction: Transaction<Tables>,
  consumer: string,
  streams: readonly string[],
): Promise<ParkedStream[]> =>
  transaction
    .selectFrom('parked_streams')
    .selectAll()
    .where('consumer', '=', consumer)
    .where((eb) =>
      eb.or([
        eb('stream', '=', sql<string>`any(${streams}::text[])`),
        eb('waits_for_stream', '=', sql<string>`any(${streams}::text[])`),
      ]),
    )
    .execute()

/** Why a stream is put aside, and from where on. */
export type Parking = Omit<ParkedStream, 'parked_at' | 'attempts' | 'discarded_at'>

/** Puts a stream aside, or aside again: then it stays known since when, the attempts are counted, and it is open again. */
export const park = async (transaction: Transaction<Tables>, parked: Parking): Promise<void> => {
  await transaction
    .insertInto('parked_streams')
    .values({ ...parked, parked_at: sql`now()`, attempts: 1 })
    .onConflict((conflict) =>
      conflict.columns(['consumer', 'stream']).doUpdateSet((row) => ({
        first_revision: row.ref('excluded.first_revision'),
        last_seen: sql`greatest(parked_streams.last_seen, excluded.last_seen)`,
        code: row.ref('excluded.code'),
        message: row.ref('excluded.message'),
        waits_for_stream: row.ref('excluded.waits_for_stream'),
        attempts: sql`parked_streams.attempts + 1`,
        discarded_at: null,
      })),
    )
    .execute()
}

/** Notes that a stream was applied up to before a revision, and that what is left of it is still aside, for the reason it had. */
export const parkFurther = async (
  transaction: Transaction<Tables>,
  consumer: string,
  stream: string,
  firstRevision: number,
  lastSeen: number,
): Promise<void> => {
  await transaction
    .updateTable('parked_streams')
    .set({ first_revision: firstRevision, last_seen: sql`greatest(last_seen, ${lastSeen})` })
    .where('consumer', '=', consumer)
    .where('stream', '=', stream)
    .execute()
}

/** Notes that later events of parked streams were seen. */
export const raiseLastSeen = async (
  transaction: Transaction<Tables>,
  consumer: string,
  lastSeen: ReadonlyMap<string, number>,
): Promise<void> => {
  if (lastSeen.size === 0) return
  await sql`
    update parked_streams set last_seen = greatest(parked_streams.last_seen, seen.revision)
    from unnest(${[...lastSeen.keys()]}::text[], ${[...lastSeen.values()]}::bigint[]) as seen (stream, revision)
    where parked_streams.consumer = ${consumer} and parked_streams.stream = seen.stream`.execute(transaction)
}

/**
 * Leaves a parked stream out for good: it stays aside with all that is still to come, and is no longer open. A retry, a reprocessing or a
 * rebuild takes it up again. False when it is not parked, or left out already.
 */
export const discardParked = async (db: Kysely<Tables>, consumer: string, stream: string): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('parked_streams')
    .set({ discarded_at: sql<Instant>`now()` })
    .where('consumer', '=', consumer)
    .where('stream', '=', stream)
    .where('discarded_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Counts a try that ended its process, so that nothing else could be written down; the stream is open again. */
export const countDeadlyTry = async (db: Kysely<Tables>, consumer: string, stream: string): Promise<void> => {
  await db
    .updateTable('parked_streams')
    .set({ attempts: sql<number>`attempts + 1`, discarded_at: null })
    .where('consumer', '=', consumer)
    .where('stream', '=', stream)
    .execute()
}

export const unpark = async (
  transaction: Transaction<Tables>,
  consumer: string,
  streams: readonly string[],
): Promise<void> => {
  if (streams.length === 0) return
  await transaction
    .deleteFrom('parked_streams')
    .where('consumer', '=', consumer)
    .where('stream', '=', sql<string>`any(${streams}::text[])`)
    .execute()
}

/** How many streams a consumer has put aside, and the one that has waited longest. */
export const parkedOverview = async (
  db: Kysely<Tables>,
  consumer: string,
): Promise<{ streams: number; oldest: { stream: string; since: string } | null }> => {
  const rows = await db
    .selectFrom('parked_streams')
    .select(['stream', 'parked_at as since'])
    .select(sql<number>`count(*) over ()`.as('streams'))
    .where('consumer', '=', consumer)
    .orderBy('parked_at')
    .orderBy('stream')
    .limit(1)
    .execute()
  const [first] = rows
  return { streams: first?.streams ?? 0, oldest: first ? { stream: first.stream, since: first.since } : null }
}

/** Every stream that a consumer has put aside, the oldest first. */
export const parkedStreams = (db: Kysely<Tables>, consumer: string): Promise<ParkedStream[]> =>
  db
    .selectFrom('parked_streams')
    .selectAll()
    .where('consumer', '=', consumer)
    .orderBy('parked_at')
    .orderBy('stream')
    .execute()
