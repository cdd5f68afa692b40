import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** What agents said of themselves; when they were last heard of stands in `agent_heartbeats`. */
export const agents: Migration = {
  up: async (db) => {
    await sql`
      create table agents (
        agent_id varchar(255) primary key,
        name text not null,
        intents text[] not null,
        type text not null,
        version text not null,
        cognitive_pattern text,
        created_by varchar(255) not null,
        registered_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        revision bigint not null
      )`.execute(db)
    await sql`create index idx_agents_intents on agents using gin (intents)`.execute(db)
  },
}
