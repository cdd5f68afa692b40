import type { Selectable } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import type { JsonColumn, Position, Sealed } from '../columns.js'

/** One row each time an agent shared knowledge with others. */
export type KnowledgeSharesTable = {
  stream: string
  revision: number
  event_id: string
  position: Position
  knowledge_id: string
  source_agent_id: string
  target_agent_ids: string[]
  domain: string
  shared_at: Instant
  source: string
  /** What more the event said. */
  details: JsonColumn<JsonObject>
  sealed: Sealed
}

export type KnowledgeShareRow = Selectable<KnowledgeSharesTable>
