import { sql, type Kysely } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'

export type LiveAgent = { agentId: string; intents: string[] }

/** The agents that were heard within the last so many milliseconds, with what they offer. */
export const liveAgents = async (db: Kysely<Tables>, withinMs: number): Promise<LiveAgent[]> => {
  const rows = await db
    .selectFrom('agents')
    .innerJoin('agent_heartbeats', 'agent_heartbeats.agent_id', 'agents.agent_id')
    .select(['agents.agent_id', 'agents.intents'])
    .where('agents.registered', '=', true)
    .where('agent_heartbeats.at', '>', sql<Instant>`now() - make_interval(secs => ${withinMs / 1000})`)
    .execute()
  return rows.map(({ agent_id, intents }) => ({ agentId: agent_id, intents }))
}

/** Every agent that ever registered; for declaring their queues. */
export const registeredAgents = async (db: Kysely<Tables>): Promise<LiveAgent[]> => {
  const rows = await db.selectFrom('agents').select(['agent_id', 'intents']).where('registered', '=', true).execute()
  return rows.map(({ agent_id, intents }) => ({ agentId: agent_id, intents }))
}
