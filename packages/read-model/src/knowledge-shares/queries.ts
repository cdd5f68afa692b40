import { sql, type Kysely } from 'kysely'
import { isBefore, type Before } from '../received-events/queries.js'
import type { Tables } from '../tables.js'
import type { KnowledgeShareRow } from './table.js'

export type KnowledgeShareFilter = {
  knowledgeId?: string | undefined
  /** Who shared it, or with whom it was shared. */
  agentId?: string | undefined
  domain?: string | undefined
  limit: number
  before?: Before | undefined
}

/** What was shared, the latest first. */
export const findKnowledgeShares = (
  db: Kysely<Tables>,
  { knowledgeId, agentId, domain, limit, before }: KnowledgeShareFilter,
): Promise<KnowledgeShareRow[]> =>
  db
    .selectFrom('knowledge_shares')
    .selectAll()
    .$if(knowledgeId !== undefined, (query) => query.where('knowledge_id', '=', knowledgeId!))
    .$if(agentId !== undefined, (query) =>
      query.where(sql<boolean>`(source_agent_id = ${agentId} or target_agent_ids @> array[${agentId}]::text[])`),
    )
    .$if(domain !== undefined, (query) => query.where('domain', '=', domain!))
    .$if(before !== undefined, (query) => query.where(isBefore(before!)))
    .orderBy('position', 'desc')
    .orderBy('revision', 'desc')
    .limit(limit)
    .execute()
