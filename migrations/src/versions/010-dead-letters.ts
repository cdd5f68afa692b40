import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Dead letters as they came, their state, and who did what with them. */
export const deadLetters: Migration = {
  up: async (db) => {
    await sql`
      create table dead_letters (
        id uuid primary key,
        queue text not null,
        exchange text,
        routing_key text,
        message_id text,
        type text,
        body bytea not null,
        properties jsonb not null,
        headers jsonb not null,
        reason text not null,
        code text not null,
        message text not null,
        service text,
        attempts integer not null,
        client_id varchar(255),
        command_id text,
        signature text not null,
        first_at timestamptz(3) not null,
        last_at timestamptz(3) not null,
        state varchar(20) not null check (state in ('open', 'retrying', 'resolved', 'discarded')),
        created_at timestamptz(3) not null default now(),
        closed_at timestamptz(3)
      )`.execute(db)
    await sql`create index idx_dead_letters_state on dead_letters (state, created_at)`.execute(db)
    await sql`create index idx_dead_letters_signature on dead_letters (signature)`.execute(db)
    await sql`create index idx_dead_letters_client on dead_letters (client_id) where client_id is not null`.execute(db)
    await sql`create index idx_dead_letters_closed on dead_letters (closed_at) where closed_at is not null`.execute(db)
    await sql`
      create table dead_letter_actions (
        id uuid primary key default gen_random_uuid(),
        dead_letter_id uuid,
        consumer varchar(100),
        stream text,
        action varchar(20) not null,
        actor jsonb not null,
        reason text,
        details jsonb,
        at timestamptz(3) not null default now(),
        check ((dead_letter_id is null) <> (stream is null))
      )`.execute(db)
    await sql`create index idx_dead_letter_actions on dead_letter_actions (dead_letter_id, at)`.execute(db)
  },
}
