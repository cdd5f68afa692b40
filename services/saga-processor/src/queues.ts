import { agentQueue, intentQueue, queuesOfAgent, queuesOfIntent, type Queue } from '@journey/contracts'
import type { Connection, DeadLetterDrain } from '@journey/messaging'
import { codeOf, messageOf, type Log } from '@journey/runtime'

/**
 * Declares the queues of intents and agents and drains their dead letters, each once a connection's life; the connection declares
 * them again after a reconnect, and ends the drains at its stop.
 */
export interface TaskQueues {
  /**
   * A queue that stands on the broker otherwise is told in the log and left as it is, since all others have to go on; whatever is published
   * to it says so itself. It is tried again the next time.
   *
   * @throws unavailable `broker/…`
   */
  prepare(needed: { intents?: readonly string[]; agents?: readonly string[] }): Promise<void>
}

export const createTaskQueues = ({
  connection,
  drain,
  log,
}: {
  connection: Pick<Connection, 'declare'>
  drain: DeadLetterDrain
  log: Log
}): TaskQueues => {
  const declared = new Map<string, Promise<void>>()
  const once = (queue: string, queues: () => Queue[]): Promise<void> => {
    const known = declared.get(queue)
    if (known) return known
    const declaring = connection
      .declare({ exchanges: [], queues: queues() })
      // Nobody who dispatches waits for the drain: it goes on trying by itself.
      .then(() => void drain(queue).start())
    const settled = declaring.catch((error: unknown) => {
      declared.delete(queue)
      if (codeOf(error) !== 'broker/topology_drift') throw error
      log.error({ queue, reason: messageOf(error) }, 'a queue of tasks cannot be declared; all others go on')
    })
    settled.catch(() => undefined) // told to whoever waits for it
    declared.set(queue, settled)
    return settled
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
