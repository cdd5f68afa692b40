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

export type DeadLetterEntry = {
  id: string
  kind: 'message' | 'stream'
  state: 'open' | 'retrying' | 'resolved' | 'discarded'
  queue: string
  reason: string
  code: string
  message: string
  type: string | null
  client_id: string | null
  command_id: string | null
  attempts: number
  retries: number
  first_at: string
  last_at: string
  closed_at: string | null
}

export type DeadLetterGroup = {
  group: string
  queue: string
  code: string
  message: string
  count: number
  first_at: string
  last_at: string
  example_id: string
}

export type DeadLetterContent = { encoding: 'json' | 'text' | 'base64'; size: number; content: unknown }

/** Of a parked stream some fields are missing. */
export type DeadLetter = DeadLetterEntry & {
  service?: string | null
  message_id?: string | null
  path?: { exchange: string | null; routing_key: string | null; queue: string; x_death: unknown[] }
  properties?: Record<string, unknown>
  headers?: Record<string, unknown>
  body: DeadLetterContent | null
  edited_body?: DeadLetterContent | null
  stream: { name: string; first_revision: number; last_seen: number; waits_for: string | null } | null
  tries: { retry: number; code: string; message: string; at: string }[]
  actions: { action: string; actor: { type: string; id: string }; reason: string | null; at: string }[]
}

export type DeadLetterActing = {
  id: string
  state: DeadLetterEntry['state']
  retry: number | null
  command_id: string | null
}

/** What a retry would come to. */
export type DeadLetterForecast = {
  id: string
  kind: DeadLetterEntry['kind']
  queue: string
  type: string | null
  outcome: 'changes' | 'nothing' | 'refused' | 'fails' | 'waits' | 'not_possible' | 'unknown'
  says: string
  error: { code: string; message: string; details: { field: string; code: string; message: string }[] } | null
  events: { type: string; stream: string; revision: number; data: unknown }[]
  tables: Record<string, number>
  commands: { command_id: string; command_type: string; when: string; known: boolean }[]
  tasks: { work_id: string; task_id: string; attempt: number; intent: string; agents: string[]; known: boolean }[]
  deliveries: { channel: string; target: string; event_type: string; state: string; known: boolean }[]
}

export type DeadLetterForecasts = {
  total: number
  shown: number
  cut: boolean
  summary: { outcome: DeadLetterForecast['outcome']; code: string | null; count: number }[]
  items: DeadLetterForecast[]
}

export type DeadLetterJob = {
  id: string
  state: 'running' | 'completed' | 'stopped' | 'cancelled'
  progress: { done: number; total: number; resolved: number; failed: number; skipped: number }
}

export type Replay = {
  id: string
  consumer: string
  mode: string
  from: string
  to: string | null
  filter: Record<string, string> | null
  dry_run: boolean
  state: string
  progress: { done: number; total: number | null }
  error: { code: string; message: string } | null
  requested_by: { type: string; id: string }
  created_at: string
  ended_at: string | null
}

export type ArchivedDay = { day: string; events: number; bytes: number; categories: Record<string, number> }

export type ArchiveJob = {
  id: string
  kind: string
  state: string
  progress: { done: number; total: null }
  result: { events: number; segments: number; problems?: string[] } | null
  error: { code: string; message: string } | null
  created_at: string
  ended_at: string | null
}

export type Page<Item> = { items: Item[]; next_cursor: string | null }
export type History = Page<HistoryEvent> & { last_cursor: string | null; state: Record<string, unknown> | null }

export type Erasure = {
  client_id: string
  reason: string
  confirm?: string
  confirm_until?: string
  removes?: Record<string, number>
  events_in_clear?: number
  erased_at: string | null
  removed: Record<string, number> | null
}

export type Encryption = {
  status: 'on' | 'off'
  master_key: string | null
  data_keys: { master_key: string; known: boolean; count: number }[]
  destroyed: number
}

export type ControlAction = {
  action: string
  services: string[] | null
  log_level: string | null
  reason: string | null
}

/** A part of the stats; without its figures while it is unknown. */
export type Told<T> = ({ status: 'known' } & T) | { status: 'unknown'; reason: string }

export type ReplayInStats = { id: string; consumer: string; mode: string; done: number; total: number | null }

export type Stats = {
  at: string
  servers: Told<{ checks: Record<string, { ok: boolean; error?: string }> }>
  services: Told<{
    items: { service: string; instance: string; status: string; started_at: string; last_heard_at: string }[]
  }>
  journeys: Told<{ active: Record<string, number> }>
  rates: Told<{ published_per_second: number; consumed_per_second: number }>
  lags: {
    consumer: string
    queue: string | null
    events: number | null
    at_least: boolean
    seconds: number | null
    consumers: number | null
    reason: string | null
  }[]
  critical_time: Told<{ p50_seconds: number | null; p99_seconds: number | null; events: number }>
  queues: Told<{
    asked_at: string
    items: { queue: string; ready: number; unacknowledged: number; consumers: number; ack_rate: number }[]
  }>
  retries: Told<{ asked_at: string; items: { queue: string; delay: string; waiting: number }[] }>
  parked: Told<{ streams: number; oldest: { stream: string; since: string } | null }>
  dead_letters: Told<{
    open: number
    retrying: number
    resolved: number
    discarded: number
    overdue: number
    poison: number
    oldest_open_at: string | null
  }>
  jobs: Told<{ running: number }>
  replays: Told<{ running: ReplayInStats[]; paused: ReplayInStats[] }>
  order: Told<{ gaps_healed: number; duplicates_dropped: number }>
  paused: Told<{
    items: { service: string; instances: number; by: string | null; reason: string | null; since: string | null }[]
  }>
  breakers: Told<{ items: { service: string; of: string; state: string }[] }>
}
