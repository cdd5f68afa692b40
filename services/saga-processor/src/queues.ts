import { agentQueue, intentQueue, queuesOfAgent, queuesOfIntent, type Queue } from '@journey/contracts'
import type { Connection, DeadLetterDrain } from '@journey/messaging'

/**
 * Declares the queues of intents and agents and drains their dead letters, each once a connection's life; the connection declares
 * them again after a reconnect, and ends the drains at its stop.
 */
export interface TaskQueues {
  /** @throws unavailable `broker/…` */
  prepare(needed: { intents?: readonly string[]; agents?: readonly string[] }): Promise<void>
}

export const createTaskQueues = ({
  connection,
  drain,
}: {
  connection: Pick<Connection, 'declare'>
  drain: DeadLetterDrain
}): TaskQueues => {
  const declared = new Map<string, Promise<void>>()
  const once = (queue: string, queues: () => Queue[]): Promise<void> => {
    const known = declared.get(queue)
    if (known) return known
    const declaring = connection
      .declare({ exchanges: [], queues: queues() })
      // Nobody who dispatches waits for the drain: it goes on trying by itself.
      .then(() => void drain(queue).start())
    declaring.catch(() => declared.delete(queue))
    declared.set(queue, declaring)
    return declaring
  }
  return {
    prepare: async ({ intents = [], agents = [] }) => {
      await Promise.all([
        ...intents.map((intent) => once(intentQueue(intent), () => queuesOfIntent(intent))),
        ...agents.map((agent) => once(agentQueue(agent), () => queuesOfAgent(agent))),
      ])
    },
  }
}
