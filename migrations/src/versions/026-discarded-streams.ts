import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Parked streams that somebody decided to leave out of the read model. */
export const discardedStreams: Migration = {
  up: async (db) => {
    await sql`alter table parked_streams add column discarded_at timestamptz(3)`.execute(db)
  },
}
