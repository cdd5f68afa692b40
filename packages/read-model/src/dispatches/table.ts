import type { Selectable } from 'kysely'
import type { JsonObject } from '@journey/domain'
import type { DefaultedTime, JsonColumn, Optional, OptionalTime, Sealed } from '../columns.js'

/** One attempt of a task on its way to an agent. `waits_for` says what is missing while nobody can take it. */
export type DispatchesTable = {
  work_id: string
  task_id: string
  attempt: number
  client_id: string
  stage: string
  intent: string
  target_agent: Optional<string>
  failed_agent: Optional<string>
  token: string
  timeout_ms: number
  /** What the task message takes from the event beside the columns. */
  message: JsonColumn<{ input: JsonObject; correlation_id: string }>
  state: 'waiting' | 'published' | 'settled'
  waits_for: Optional<string>
  agent_id: Optional<string>
  since: DefaultedTime
  published_at: OptionalTime
  deadline: OptionalTime
  sealed: Sealed
}

export type DispatchRow = Selectable<DispatchesTable>
