import type { LiveAgent } from '@journey/read-model'

/** Capability discovery: who is registered and alive, by what they offer. */
export interface Directory {
  /** The agents alive that offer an intent; at most half a second old. @throws unavailable `database/…` */
  offering(intent: string): Promise<string[]>
}

const freshMs = 500

export const createDirectory = ({ load, now }: { load: () => Promise<LiveAgent[]>; now: () => Date }): Directory => {
  let known: { at: number; agents: Promise<LiveAgent[]> } | undefined
  const agents = (): Promise<LiveAgent[]> => {
    if (known && now().getTime() - known.at < freshMs) return known.agents
    const loading = { at: now().getTime(), agents: load() }
    loading.agents.catch(() => {
      if (known === loading) known = undefined
    })
    known = loading
    return loading.agents
  }
  return {
    offering: async (intent) =>
      (await agents()).filter(({ intents }) => intents.includes(intent)).map(({ agentId }) => agentId),
  }
}

/** Whom a task goes to: one agent, the queue that all who offer the intent share, or nobody yet, with what is missing. */
export type Route = { to: 'agent'; agentId: string } | { to: 'intent' } | { to: 'nobody'; waitsFor: string }

/**
 * One agent is addressed when the template names it, or when the last attempt failed at another; else whoever offers the
 * intent takes it from the shared queue. With nobody alive the task waits, and no attempt is used up.
 */
export const routeOf = (
  { targetAgent, failedAgent }: { targetAgent: string | null; failedAgent: string | null },
  offering: readonly string[],
): Route => {
  if (targetAgent !== null)
    return offering.includes(targetAgent)
      ? { to: 'agent', agentId: targetAgent }
      : { to: 'nobody', waitsFor: `agent:${targetAgent}` }
  if (offering.length === 0) return { to: 'nobody', waitsFor: 'agent' }
  const others = failedAgent === null ? [] : offering.filter((agentId) => agentId !== failedAgent)
  const other = others[0]
  return other !== undefined && others.length < offering.length ? { to: 'agent', agentId: other } : { to: 'intent' }
}
