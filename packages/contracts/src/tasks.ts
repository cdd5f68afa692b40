import type { JsonObject } from '@journey/domain'

/** A task for an agent, as published to `journey.tasks` (CONTRACT.md, Tasks). */
export type TaskMessage = {
  work_id: string
  task_id: string
  attempt: number
  token: string
  /** The same for every attempt, so that an agent can tell that it did the work before. */
  idempotency_key: string
  intent: string
  client_id: string
  stage: string
  deadline: string
  input: JsonObject
  parameters: JsonObject
  source_agent: { agent_id: 'journey-orchestrator' }
  target_agent: { agent_id: string } | null
}

export const taskMessageId = ({
  work_id,
  task_id,
  attempt,
}: Pick<TaskMessage, 'work_id' | 'task_id' | 'attempt'>): string => `${work_id}:${task_id}:${attempt}`
