import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Every event under its bus type. Positions are unsigned 64-bit numbers, which bigint does not hold. */
export const journeyEvents: Migration = {
  up: async (db) => {
    await sql`
      create table journey_events (
        stream text not null,
        revision bigint not null,
        event_id uuid not null,
        position numeric(20, 0) not null,
        client_id varchar(255),
        episode integer,
        event_type varchar(100) not null,
        version varchar(20) not null,
        at timestamptz(3) not null,
        source text not null,
        actor jsonb not null,
        correlation_id text not null,
        causation_id text not null,
        data jsonb not null,
        primary key (stream, revision)
      )`.execute(db)
    await sql`create index idx_journey_events_position on journey_events (position)`.execute(db)
    await sql`create index idx_journey_events_client on journey_events (client_id, position)`.execute(db)
  },
}
