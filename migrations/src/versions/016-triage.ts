import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Retries of dead letters: how often, which tries came before, edits, and jobs that retry many. */
export const triage: Migration = {
  up: async (db) => {
    await sql`
      alter table dead_letters
        add column retries integer not null default 0,
        add column retried_at timestamptz(3),
        add column published_at timestamptz(3),
        add column edited_body bytea,
        add column tries jsonb not null default '[]'`.execute(db)
    await sql`create index idx_dead_letters_last_at on dead_letters (last_at desc)`.execute(db)
    await sql`
      create index idx_dead_letters_retrying on dead_letters (message_id) where state = 'retrying'`.execute(db)
    await sql`
      create index idx_dead_letter_actions_stream on dead_letter_actions (consumer, stream, at)
      where stream is not null`.execute(db)
    await sql`
      create table dead_letter_jobs (
        id uuid primary key,
        filter jsonb not null,
        rate integer not null,
        stop_after integer not null,
        reason text,
        requested_by jsonb not null,
        state varchar(20) not null check (state in ('running', 'completed', 'stopped', 'cancelled')),
        total integer not null,
        done integer not null default 0,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        ended_at timestamptz(3)
      )`.execute(db)
    await sql`create index idx_dead_letter_jobs_running on dead_letter_jobs (created_at) where state = 'running'`.execute(
      db,
    )
    await sql`
      create table dead_letter_job_items (
        job_id uuid not null,
        n integer not null,
        dead_letter_id text not null,
        outcome varchar(20) check (outcome in ('retried', 'skipped')),
        retry integer,
        primary key (job_id, n)
      )`.execute(db)
    await sql`
      create index idx_dead_letter_job_items_waiting on dead_letter_job_items (job_id, n) where outcome is null`.execute(
      db,
    )
  },
}
