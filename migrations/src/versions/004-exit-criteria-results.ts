import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** One row for each check of each evaluation; `revision` is that of the evaluation in the journey's stream. */
export const exitCriteriaResults: Migration = {
  up: async (db) => {
    await sql`
      create table exit_criteria_results (
        client_id varchar(255) not null,
        revision bigint not null,
        check_id varchar(255) not null,
        episode integer not null,
        stage varchar(50) not null,
        visit integer not null,
        n integer not null,
        work_id varchar(255) not null,
        name text not null,
        verdict varchar(50) not null,
        passed boolean not null,
        comparisons jsonb not null,
        message text not null,
        evaluated_at timestamptz(3) not null,
        primary key (client_id, revision, check_id)
      )`.execute(db)
    await sql`create index idx_exit_criteria_stage on exit_criteria_results (stage) include (passed)`.execute(db)
  },
}
