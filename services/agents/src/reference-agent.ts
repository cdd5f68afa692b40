import type { Output, Task } from '@journey/agent'

/** What is done for one intent: pure, so that a task that comes again has the same result. */
export type Work = (task: Task) => Output

/** One of the agents that stand in for a client's platform until real ones take their intents over. */
export type ReferenceAgent = {
  id: string
  name: string
  type: string
  intents: Readonly<Record<string, Work>>
}
