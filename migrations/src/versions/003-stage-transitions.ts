import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** TECH-003 section 4.1, and which episode and visit a transition belongs to. */
export const stageTransitions: Migration = {
  up: async (db) => {
    await sql`
      create table stage_transitions (
        transition_id varchar(255) primary key,
        client_id varchar(255) not null references journey_states (client_id),
        from_stage varchar(50),
        to_stage varchar(50) not null,
        transitioned_at timestamp not null,
        reason text,
        exit_criteria_results jsonb,
        initiated_by varchar(255),

        episode integer not null,
        visit integer not null,
        revision bigint not null
      )`.execute(db)
    await sql`create index idx_transitions_client_id on stage_transitions (client_id)`.execute(db)
    await sql`create index idx_transitions_timestamp on stage_transitions (transitioned_at desc)`.execute(db)
  },
}
