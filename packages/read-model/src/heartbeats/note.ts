import { sql, type Kysely } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'

/** Notes that an agent was heard now. Heartbeats are rows, not events; safe to repeat. */
export const noteHeartbeat = async (db: Kysely<Tables>, agentId: string, activeTasks: number | null): Promise<void> => {
  const heard = { at: sql<Instant>`now()`, active_tasks: activeTasks }
  await db
    .insertInto('agent_heartbeats')
    .values({ agent_id: agentId, ...heard })
    .onConflict((conflict) => conflict.column('agent_id').doUpdateSet(heard))
    .execute()
}
