// What the API answers, as far as the command line reads it (`/openapi.json` has all of it).

export type Problem = {
  status: number
  title: string
  detail: string
  code: string
  errors: { field: string; code: string; message: string }[]
  links?: Record<string, string>
}

export type CommandAnswer = {
  command_id: string
  command_type: string
  status: string
  stream: string | null
  revision: number | null
  events: string[]
}

export type WaitingFor = {
  kind: string
  who: string
  since: string
  next_at: string | null
  work_id: string | null
  task_id: string | null
}

export type Journey = {
  client_id: string
  current_stage: string
  stage: string
  status: string
  episode: number
  visit: number
  started_at: string
  stage_started_at: string
  updated_at: string
  completed_stages: string[]
  held: { reason: string; by: string; at: string } | null
  end_reason: string | null
  revision: number
  waiting_for: WaitingFor[]
}

export type Why = { waiting_for: (WaitingFor & { says: string; to_do: string | null })[]; next: string }

export type Check = {
  check_id: string
  name: string
  verdict: string
  passed: boolean
  comparisons: {
    measurement: string
    value: number | null
    operator: 'min' | 'max'
    threshold: number
    unit?: string
  }[]
  message: string
}

export type Evaluation = {
  revision: number
  stage: string
  visit: number
  n: number
  verdict: string
  evaluated_at: string
  checks: Check[]
}

export type HistoryEvent = {
  event_id: string
  event_type: string
  timestamp: string
  stream: string
  revision: number
  actor: { type: string; id: string }
  reason: string | null
  data: Record<string, unknown>
}

export type UnitOfWork = {
  work_id: string
  stage: string
  kind: string
  status: string
  name: string
  episode: number
  visit: number
  n: number
  reason: string | null
  tasks: {
    task_id: string
    kind: string
    status: string
    retry_count: number
    agent_id: string | null
    intent: string
    attempts: { started_at: string; ended_at: string | null }[]
    error: { code: string; message: string } | null
  }[]
}

export type Agent = {
  agent_id: string
  name: string
  intents: string[]
  type: string
  version: string
  last_heartbeat: string | null
  active_tasks: number | null
  alive: boolean
}

export type Approval = { work_id: string; task_id: string; client_id: string; name: string; asked_at: string }

export type Page<Item> = { items: Item[]; next_cursor: string | null }
export type History = Page<HistoryEvent> & { last_cursor: string | null; state: Record<string, unknown> | null }
