import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Decisions asked of people. One without `closed_at` is open; one closed without a decision went with its unit of work. */
export const approvals: Migration = {
  up: async (db) => {
    await sql`
      create table approvals (
        work_id varchar(255) not null,
        task_id varchar(255) not null,
        client_id varchar(255) not null,
        stage varchar(50) not null,
        name text not null,
        asked_at timestamptz(3) not null,
        decision varchar(50),
        decided_by varchar(255),
        comment text,
        decided_at timestamptz(3),
        closed_at timestamptz(3),
        primary key (work_id, task_id)
      )`.execute(db)
    await sql`create index idx_approvals_client_id on approvals (client_id)`.execute(db)
    await sql`create index idx_approvals_open on approvals (asked_at) where closed_at is null`.execute(db)
  },
}
