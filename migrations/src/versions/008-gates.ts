import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** How far each consumer has applied each stream, and the streams it had to put aside. */
export const gates: Migration = {
  up: async (db) => {
    await sql`
      create table projection_gates (
        consumer varchar(100) not null,
        stream text not null,
        revision bigint not null,
        primary key (consumer, stream)
      ) with (fillfactor = 80)`.execute(db)
    await sql`
      create table parked_streams (
        consumer varchar(100) not null,
        stream text not null,
        first_revision bigint not null,
        last_seen bigint not null,
        code text not null,
        message text not null,
        waits_for_stream text,
        parked_at timestamptz(3) not null,
        attempts integer not null,
        primary key (consumer, stream)
      )`.execute(db)
    await sql`create index idx_parked_waiting on parked_streams (waits_for_stream)`.execute(db)
  },
}
