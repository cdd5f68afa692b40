import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Replays of stored events to one consumer, with how far they are. */
export const replays: Migration = {
  up: async (db) => {
    await sql`
      create table replays (
        id uuid primary key,
        consumer text not null,
        mode varchar(20) not null check (mode in ('rebuild', 'reprocess', 'redeliver')),
        from_at timestamptz(3) not null,
        to_at timestamptz(3),
        filter jsonb,
        state varchar(20) not null check (state in ('running', 'paused', 'completed', 'failed', 'cancelled')),
        done bigint not null default 0,
        total bigint,
        position numeric(20, 0),
        error jsonb,
        requested_by jsonb not null,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        ended_at timestamptz(3)
      )`.execute(db)
    await sql`create index idx_replays_created_at on replays (created_at)`.execute(db)
  },
}
