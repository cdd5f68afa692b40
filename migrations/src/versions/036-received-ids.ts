import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** The ids of events that others published, kept for good, so that each is recorded once. */
export const receivedIds: Migration = {
  up: async (db) => {
    await sql`
      create table received_ids (
        event_id varchar(128) primary key,
        digest char(64) not null,
        stream varchar(255) not null,
        revision bigint,
        received_at timestamptz(3) not null default now()
      )`.execute(db)
  },
}
