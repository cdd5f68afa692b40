import type { Recorded } from '@journey/contracts'
import type { Agent } from '@journey/domain'
import { neverBegun } from '../projection/never-begun.js'
import type { AgentRow } from './table.js'

/** The row after an event. Pure. */
export const evolveAgent = (row: AgentRow | undefined, recorded: Recorded<Agent.Event>): AgentRow => {
  const { event, at, revision } = recorded
  const { agent_id, name, intents, type, version, cognitive_pattern } = event.data
  const said = { agent_id, name, intents, type, version, cognitive_pattern, updated_at: at, revision }
  if (event.type === 'AgentCreated') return { ...said, created_by: event.data.created_by, registered_at: at }
  if (!row) throw neverBegun(recorded)
  return { ...said, created_by: row.created_by, registered_at: row.registered_at }
}
