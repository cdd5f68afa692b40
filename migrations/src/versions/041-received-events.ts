import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Every recorded event of others, whatever its type. */
export const receivedEvents: Migration = {
  up: async (db) => {
    await sql`
      create table received_events (
        stream text not null,
        revision bigint not null,
        event_id text not null,
        position numeric(20, 0) not null,
        event_type varchar(100) not null,
        version varchar(20) not null,
        at timestamptz(3) not null,
        source text not null,
        correlation_id text not null,
        causation_id text not null,
        data jsonb not null,
        sealed bytea,
        primary key (stream, revision)
      )`.execute(db)
    await sql`create index idx_received_events_position on received_events (position)`.execute(db)
    await sql`create index idx_received_events_type on received_events (event_type, position)`.execute(db)
  },
}
