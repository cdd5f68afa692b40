import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Patterns that agents of others learned. What such an event has to say is not settled, so all of it may be missing. */
export const patterns: Migration = {
  up: async (db) => {
    await sql`
      create table patterns (
        stream text not null,
        revision bigint not null,
        event_id text not null,
        position numeric(20, 0) not null,
        pattern_id text,
        agent_id text,
        pattern_type text,
        confidence double precision,
        learned_at timestamptz(3) not null,
        source text not null,
        details jsonb not null,
        sealed bytea,
        primary key (stream, revision)
      )`.execute(db)
    await sql`create index idx_patterns_position on patterns (position)`.execute(db)
    await sql`create index idx_patterns_pattern on patterns (pattern_id, position)`.execute(db)
    await sql`create index idx_patterns_agent on patterns (agent_id, position)`.execute(db)
  },
}
