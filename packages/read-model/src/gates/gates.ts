import { sql, type Kysely, type Transaction } from 'kysely'
import type { Tables } from '../tables.js'

/**
 * The last revision that was applied of each stream, -1 for none; the rows stay locked until the transaction ends, so that two
 * instances of a consumer never work on one stream at once.
 */
export const lockGates = async (
  transaction: Transaction<Tables>,
  consumer: string,
  streams: Iterable<string>,
): Promise<Map<string, number>> => {
  const sorted = [...streams].sort() // always in the same order, so that two never wait for each other
  if (sorted.length === 0) return new Map()
  const rows = await transaction
    .insertInto('projection_gates')
    .columns(['consumer', 'stream', 'revision'])
    .expression(
      sql<{ consumer: string; stream: string; revision: number }>`
        select ${consumer}::text, stream, -1 from unnest(${sorted}::text[]) with ordinality as wanted (stream, place)
        order by place`,
    )
    .onConflict((conflict) =>
      conflict
        .columns(['consumer', 'stream'])
        .doUpdateSet((row) => ({ revision: row.ref('projection_gates.revision') })),
    )
    .returning(['stream', 'revision'])
    .execute()
  return new Map(rows.map(({ stream, revision }) => [stream, revision]))
}

/** Notes the revisions that are applied now, of streams whose gates are locked. */
export const moveGates = async (
  transaction: Transaction<Tables>,
  consumer: string,
  revisions: ReadonlyMap<string, number>,
): Promise<void> => {
  if (revisions.size === 0) return
  await sql`
    update projection_gates set revision = applied.revision
    from unnest(${[...revisions.keys()]}::text[], ${[...revisions.values()]}::bigint[]) as applied (stream, revision)
    where projection_gates.consumer = ${consumer} and projection_gates.stream = applied.stream`.execute(transaction)
}

/** How many events a consumer has applied, over all streams. */
export const appliedEvents = async (db: Kysely<Tables>, consumer: string): Promise<number> => {
  const row = await db
    .selectFrom('projection_gates')
    .select(sql<number>`coalesce(sum(revision + 1), 0)::bigint`.as('events'))
    .where('consumer', '=', consumer)
    .executeTakeFirstOrThrow()
  return row.events
}

/** The last revision of a stream that a consumer has applied; -1 when none. */
export const appliedRevision = async (db: Kysely<Tables>, consumer: string, stream: string): Promise<number> => {
  const row = await db
    .selectFrom('projection_gates')
    .select('revision')
    .where('consumer', '=', consumer)
    .where('stream', '=', stream)
    .executeTakeFirst()
  return row?.revision ?? -1
}
