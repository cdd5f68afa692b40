import type { Selectable } from 'kysely'
import type { Optional, Time } from '../columns.js'

/** When an agent was last heard of. */
export type AgentHeartbeatsTable = { agent_id: string; at: Time; active_tasks: Optional<number> }

export type HeartbeatRow = Selectable<AgentHeartbeatsTable>
