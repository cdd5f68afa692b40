import { Refusal } from '../refusal.js'

// ── Commands, events, state ─────────────────────────────────────────────────────────────────────────────────────────

/** What an agent says of itself when it registers. */
export type Registration = {
  agent_id: string
  name: string
  intents: string[]
  type: string
  version: string
  cognitive_pattern: string | null
}

export type Command =
  | { type: 'agent.register'; data: Registration }
  | { type: 'agent.heartbeat'; data: { agent_id: string; active_tasks?: number } }

export type Event =
  | { type: 'AgentCreated'; data: Registration & { created_by: string } }
  | { type: 'AgentUpdated'; data: Registration & { updated_by: string } }

export type State = { status: 'none' } | { status: 'registered'; registration: Registration }

export const initial: State = { status: 'none' }

/** Raise it with every change to what `State` looks like or what `evolve` makes of an event: older snapshots are ignored then. */
export const stateSchema = 'agent-v1'

// ── Decide ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Registering again with the same words changes nothing. A heartbeat is no event: whoever handles it keeps the time. */
export const decide = (command: Command, state: State, { actor }: { actor: { id: string } }): Event[] => {
  if (command.type === 'agent.heartbeat') {
    if (state.status === 'none')
      throw new Refusal('agent/unknown', `Agent ${command.data.agent_id} is not registered: send agent.register first`)
    return []
  }
  const { data } = command
  if (state.status === 'none') return [{ type: 'AgentCreated', data: { ...data, created_by: actor.id } }]
  return isSame(data, state.registration) ? [] : [{ type: 'AgentUpdated', data: { ...data, updated_by: actor.id } }]
}

const isSame = (a: Registration, b: Registration): boolean =>
  JSON.stringify([a.name, [...a.intents].sort(), a.type, a.version, a.cognitive_pattern]) ===
  JSON.stringify([b.name, [...b.intents].sort(), b.type, b.version, b.cognitive_pattern])

// ── Evolve ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const evolve = (_state: State, { data }: Event): State => {
  const { agent_id, name, intents, type, version, cognitive_pattern } = data
  return { status: 'registered', registration: { agent_id, name, intents, type, version, cognitive_pattern } }
}

export const fold = (events: readonly Event[]): State => events.reduce(evolve, initial)
