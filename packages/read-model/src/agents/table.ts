import type { Selectable } from 'kysely'
import type { Instant } from '@journey/domain'

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
  revision: number
}

export type AgentRow = Selectable<AgentsTable>
