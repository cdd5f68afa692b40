import type { Received, Recorded } from '@journey/contracts'
import { detailsOf } from '../received-events/fields.js'
import { placeOf } from '../received-events/projection.js'
import type { KnowledgeShareRow } from './table.js'

/** The fields that every `knowledge.shared` has, by its schema. */
type Shared = Pick<KnowledgeShareRow, 'knowledge_id' | 'source_agent_id' | 'target_agent_ids' | 'domain'>

export const knowledgeShareRow = (recorded: Recorded<Received>): KnowledgeShareRow | undefined => {
  const { event_type, data } = recorded.event.data
  if (event_type !== 'knowledge.shared') return undefined
  const { knowledge_id, source_agent_id, target_agent_ids, domain } = data as Shared
  const columns = { knowledge_id, source_agent_id, target_agent_ids, domain }
  return { ...placeOf(recorded), ...columns, shared_at: recorded.at, details: detailsOf(data, columns) }
}
