import type { Selectable } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Defaulted } from '../columns.js'

/** Agents that registered with us, and those that others told of: no task goes to these. */
export type AgentsTable = {
  agent_id: string
  name: string
  intents: string[]
  type: string
  version: string
  cognitive_pattern: string | null
  created_by: string
  registered_at: Instant
  updated_at: Instant
  /** False for an agent that others told of and that never registered. */
  registered: Defaulted<boolean>
  revision: number
}

export type AgentRow = Selectable<AgentsTable>
