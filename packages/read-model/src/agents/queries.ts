import { sql, type Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { AgentRow } from './table.js'

/** An agent, when it was last heard of, and whether that counts as alive; one that never registered never is. */
export type AgentView = Omit<AgentRow, 'revision'> & {
  last_heartbeat: string | null
  active_tasks: number | null
  alive: boolean
}

export type AgentFilter = {
  intent?: string | undefined
  /** An agent is alive when it was heard of within so many milliseconds. */
  aliveWithinMs: number
  limit: number
  /** The id of the last agent of the page before. */
  after?: readonly [agentId: string] | undefined
}

/** Agents by id: registered ones, and those that others told of. */
export const findAgents = (
  db: Kysely<Tables>,
  { intent, aliveWithinMs, limit, after }: AgentFilter,
): Promise<AgentView[]> =>
  db
    .selectFrom('agents')
    .leftJoin('agent_heartbeats', 'agent_heartbeats.agent_id', 'agents.agent_id')
    .select(['agents.agent_id', 'name', 'intents', 'type', 'version', 'cognitive_pattern'])
    .select([
      'created_by',
      'registered_at',
      'updated_at',
      'registered',
      'agent_heartbeats.at as last_heartbeat',
      'active_tasks',
    ])
    .select(
      sql<boolean>`coalesce(registered and agent_heartbeats.at > now() - make_interval(secs => ${aliveWithinMs / 1000}), false)`.as(
        'alive',
      ),
    )
    .$if(intent !== undefined, (query) => query.where(sql<boolean>`intents @> array[${intent}]::text[]`))
    .$if(after !== undefined, (query) => query.where('agents.agent_id', '>', after![0]))
    .orderBy('agents.agent_id')
    .limit(limit)
    .execute()
