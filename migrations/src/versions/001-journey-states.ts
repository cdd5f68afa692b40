import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** TECH-003 section 4.1, and what else is known of a journey. */
export const journeyStates: Migration = {
  up: async (db) => {
    await sql`
      create table journey_states (
        client_id varchar(255) primary key,
        current_stage varchar(50) not null,
        previous_stage varchar(50),
        started_at timestamp not null,
        stage_started_at timestamp not null,
        completed_stages text[],
        metadata jsonb,
        created_at timestamp default now(),
        updated_at timestamp default now(),

        stage varchar(50) not null,
        status varchar(50) not null check (status in ('active', 'rolling_back', 'completed', 'cancelled')),
        episode integer not null,
        visit integer not null,
        gate jsonb not null,
        held jsonb,
        rollback jsonb,
        profile jsonb not null,
        ended_at timestamp,
        ended_by varchar(255),
        end_reason text,
        revision bigint not null
      )`.execute(db)
    await sql`create index idx_journey_current_stage on journey_states (current_stage)`.execute(db)
    await sql`create index idx_journey_started_at on journey_states (started_at)`.execute(db)
    await sql`create index idx_journey_status on journey_states (status)`.execute(db)
    await sql`create index idx_journey_updated_at on journey_states (updated_at desc)`.execute(db)
  },
}
