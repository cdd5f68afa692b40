import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Jobs on the archive of events: run, verify, restore. One at a time. */
export const archiveJobs: Migration = {
  up: async (db) => {
    await sql`
      create table archive_jobs (
        id uuid primary key,
        kind varchar(20) not null check (kind in ('run', 'verify', 'restore')),
        options jsonb not null,
        state varchar(20) not null check (state in ('running', 'completed', 'failed', 'cancelled')),
        done integer not null default 0,
        result jsonb,
        error jsonb,
        requested_by jsonb not null,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        ended_at timestamptz(3)
      )`.execute(db)
    await sql`create unique index idx_archive_jobs_running on archive_jobs (state) where state = 'running'`.execute(db)
    await sql`create index idx_archive_jobs_created_at on archive_jobs (created_at desc, id desc)`.execute(db)
  },
}
