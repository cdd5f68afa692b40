import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** TECH-003 section 4.1, and what else is known of a unit of work. */
export const unitOfWorks: Migration = {
  up: async (db) => {
    await sql`
      create table unit_of_works (
        work_id varchar(255) primary key,
        client_id varchar(255) not null references journey_states (client_id),
        stage varchar(50) not null,
        status varchar(50) not null check (status in ('pending', 'in_progress', 'completed', 'failed')),
        tasks jsonb not null,
        results jsonb,
        created_at timestamp default now(),
        started_at timestamp,
        completed_at timestamp,

        kind varchar(50) not null,
        episode integer not null,
        visit integer not null,
        n integer not null,
        template_id varchar(255) not null,
        name text not null,
        inputs jsonb not null,
        parameters jsonb not null,
        criteria jsonb,
        reason text,
        updated_at timestamp not null,
        revision bigint not null
      )`.execute(db)
    await sql`create index idx_uow_client_id on unit_of_works (client_id)`.execute(db)
    await sql`create index idx_uow_status on unit_of_works (status)`.execute(db)
  },
}
