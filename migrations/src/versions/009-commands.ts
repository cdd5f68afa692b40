import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Commands by their idempotency key, with their outcome once it is known. */
export const commands: Migration = {
  up: async (db) => {
    await sql`
      create table commands (
        command_id text primary key,
        command_type text,
        digest text,
        status varchar(20) not null check (status in ('pending', 'accepted', 'rejected', 'failed')),
        stream text,
        revision bigint,
        events jsonb not null default '[]',
        error jsonb,
        correlation_id text,
        source text,
        claimed_by text,
        claimed_at timestamptz(3),
        received_at timestamptz(3) not null default now(),
        settled_at timestamptz(3)
      )`.execute(db)
    await sql`create index idx_commands_received_at on commands (received_at)`.execute(db)
  },
}
