import type { Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { ParkedStream } from './table.js'

/** The last revision of each of these streams that the read model has; streams it has nothing of are left out. */
export const readableRevisions = async (
  db: Kysely<Tables>,
  streams: readonly string[],
): Promise<Map<string, number>> => {
  const rows = await db
    .selectFrom('projection_gates')
    .select(['stream', 'revision'])
    .where('consumer', '=', 'projector')
    .where('stream', 'in', streams)
    .where('revision', '>=', 0)
    .execute()
  return new Map(rows.map(({ stream, revision }) => [stream, revision]))
}

/** Those of these streams that the projector put aside. */
export const parkedAmong = async (db: Kysely<Tables>, streams: readonly string[]): Promise<ParkedStream[]> =>
  streams.length === 0
    ? []
    : db
        .selectFrom('parked_streams')
        .selectAll()
        .where('consumer', '=', 'projector')
        .where('stream', 'in', streams)
        .execute()
