import type { Received, Recorded } from '@journey/contracts'
import type { Agent, JsonObject } from '@journey/domain'
import { neverBegun } from '../projection/never-begun.js'
import { textIn } from '../received-events/fields.js'
import type { AgentRow } from './table.js'

/** The row after an event of ours, whatever others told of the agent before. Pure. */
export const evolveAgent = (row: AgentRow | undefined, recorded: Recorded<Agent.Event>): AgentRow => {
  const { event, at, revision } = recorded
  const { agent_id, name, intents, type, version, cognitive_pattern } = event.data
  const said = { agent_id, name, intents, type, version, cognitive_pattern, updated_at: at, revision, registered: true }
  if (event.type === 'AgentCreated') return { ...said, created_by: event.data.created_by, registered_at: at }
  if (!row?.registered) throw neverBegun(recorded)
  return { ...said, created_by: row.created_by, registered_at: row.registered_at }
}

/**
 * The row after somebody else told of an agent; undefined when it says nothing of one. A registered agent speaks for itself, and
 * one that nobody told was created is not known.
 */
export const evolveOutsideAgent = (
  row: AgentRow | undefined,
  { event, at, revision }: Recorded<Received>,
): AgentRow | undefined => {
  const agent_id = outsideAgentId(event)
  if (agent_id === undefined || row?.registered) return undefined
  const { event_type, data } = event.data
  if (event_type === 'agent.created')
    return {
      agent_id,
      name: textIn(data, 'name') ?? agent_id,
      intents: [],
      type: textIn(data, 'type') ?? 'unknown',
      version: textIn(data, 'version') ?? 'unknown',
      cognitive_pattern: textIn(data, 'cognitive_pattern'),
      created_by: textIn(data, 'created_by') ?? 'unknown',
      registered_at: row?.registered_at ?? at,
      updated_at: at,
      revision,
      registered: false,
    }
  if (!row) return undefined
  const said = { ...data, ...(isObject(data.changes) && data.changes) }
  return {
    ...row,
    name: textIn(said, 'name') ?? row.name,
    type: textIn(said, 'type') ?? row.type,
    version: textIn(said, 'version') ?? row.version,
    cognitive_pattern: textIn(said, 'cognitive_pattern') ?? row.cognitive_pattern,
    updated_at: at,
    revision,
  }
}

/** The agent that somebody else tells was created or has changed. */
export const outsideAgentId = ({ data: { event_type, data } }: Received): string | undefined =>
  event_type === 'agent.created' || event_type === 'agent.updated' ? (textIn(data, 'agent_id') ?? undefined) : undefined

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
