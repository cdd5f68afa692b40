import { queuesOfAgent, queuesOfIntent, type Queue } from '@journey/contracts'
import type { Connection } from '@journey/messaging'

/** Declares the queues of intents and agents, each once a connection's life; the connection declares them again after a reconnect. */
export interface TaskQueues {
  /** @throws unavailable `broker/…` */
  prepare(needed: { intents?: readonly string[]; agents?: readonly string[] }): Promise<void>
}

export const createTaskQueues = (connection: Pick<Connection, 'declare'>): TaskQueues => {
  const declared = new Map<string, Promise<void>>()
  const once = (key: string, queues: () => Queue[]): Promise<void> => {
    const known = declared.get(key)
    if (known) return known
    const declaring = connection.declare({ exchanges: [], queues: queues() })
    declaring.catch(() => declared.delete(key))
    declared.set(key, declaring)
    return declaring
  }
  return {
    prepare: async ({ intents = [], agents = [] }) => {
      await Promise.all([
        ...intents.map((intent) => once(`intent ${intent}`, () => queuesOfIntent(intent))),
        ...agents.map((agent) => once(`agent ${agent}`, () => queuesOfAgent(agent))),
      ])
    },
  }
}
