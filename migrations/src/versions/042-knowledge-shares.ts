import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Knowledge that agents of others shared: who with whom. */
export const knowledgeShares: Migration = {
  up: async (db) => {
    await sql`
      create table knowledge_shares (
        stream text not null,
        revision bigint not null,
        event_id text not null,
        position numeric(20, 0) not null,
        knowledge_id text not null,
        source_agent_id text not null,
        target_agent_ids text[] not null,
        domain text not null,
        shared_at timestamptz(3) not null,
        source text not null,
        details jsonb not null,
        sealed bytea,
        primary key (stream, revision)
      )`.execute(db)
    await sql`create index idx_knowledge_shares_position on knowledge_shares (position)`.execute(db)
    await sql`create index idx_knowledge_shares_knowledge on knowledge_shares (knowledge_id, position)`.execute(db)
    await sql`create index idx_knowledge_shares_source_agent on knowledge_shares (source_agent_id)`.execute(db)
    await sql`create index idx_knowledge_shares_target_agents on knowledge_shares using gin (target_agent_ids)`.execute(
      db,
    )
  },
}
