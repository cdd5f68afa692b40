import { stages } from '@journey/domain'
import { waitingKinds } from '../journeys/waiting.js'
import { forecastOutcomes } from '../triage/forecast/forecast.js'

// What the answers look like. These schemas describe; a spec holds real answers against them.

const text = { type: 'string' } as const
const nullable = <S extends object>(schema: S) => ({ ...schema, nullable: true })
const instant = { type: 'string', format: 'date-time', description: 'UTC, with milliseconds' } as const
const integer = { type: 'integer' } as const
const stage = { type: 'string', enum: [...stages] } as const
const currentStage = { type: 'string', enum: [...stages, 'rollback', 'completed', 'cancelled'] } as const
const object = { type: 'object', additionalProperties: true } as const
const listOf = (items: object) => ({ type: 'array', items })

const every = (properties: Record<string, object>) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})
const ref = (name: string) => ({ $ref: `${name}#` })

const page = (item: string) => every({ items: listOf(ref(item)), next_cursor: nullable(text) })

const actor = every({ type: text, id: text })
const detail = every({ field: text, code: text, message: text })
const verdict = { type: 'string', enum: ['pass', 'fail', 'pending', 'inconclusive', 'error'] } as const
const commandStatus = { type: 'string', enum: ['pending', 'accepted', 'rejected', 'failed'] } as const

const waiting = {
  kind: { type: 'string', enum: [...waitingKinds] },
  who: { type: 'string', description: 'Who must act' },
  since: instant,
  next_at: { ...nullable(instant), description: 'When something happens by itself' },
  work_id: nullable(text),
  task_id: nullable(text),
}

const check = every({
  check_id: text,
  name: text,
  verdict,
  passed: { type: 'boolean' },
  comparisons: listOf({ ...object, description: 'A measured value against its threshold' }),
  message: text,
})

const evaluation = every({
  revision: { ...integer, description: "Of the evaluation in the journey's stream" },
  episode: integer,
  stage,
  visit: integer,
  n: integer,
  work_id: text,
  verdict,
  evaluated_at: instant,
  checks: listOf(check),
})

const deadLetterState = { type: 'string', enum: ['open', 'retrying', 'resolved', 'discarded'] } as const

const forecastOutcome = {
  type: 'string',
  enum: [...forecastOutcomes],
  description:
    '`changes` and `nothing`: settled, with and without effect; `refused`: a rule says no; `fails`: it would die again; `waits`: nobody is there to take it; `not_possible`: the retry itself would be refused; `unknown`: nobody here can tell, for a reason that `says` names',
}

const forecast = {
  id: text,
  kind: { type: 'string', enum: ['message', 'stream'] },
  queue: text,
  type: nullable(text),
  outcome: forecastOutcome,
  says: { type: 'string', description: 'In one sentence, for people' },
  error: nullable(every({ code: text, message: text, details: listOf(detail) })),
  command: nullable(
    every({
      command_id: text,
      command_type: text,
      status: commandStatus,
      stream: nullable(text),
      revision: nullable(integer),
      known: nullable(every({ status: commandStatus, claimed_by: nullable(text), claimed_at: nullable(instant) })),
    }),
  ),
  events: listOf(
    every({ type: { type: 'string', description: 'As stored' }, stream: text, revision: integer, data: object }),
  ),
  tables: { type: 'object', additionalProperties: integer, description: 'Rows that would be written' },
  commands: listOf(
    every({
      command_id: text,
      command_type: text,
      when: text,
      known: { type: 'boolean', description: 'Heard of before: it acts no second time' },
    }),
  ),
  tasks: listOf(
    every({
      work_id: text,
      task_id: text,
      attempt: integer,
      intent: text,
      agents: { ...listOf(text), description: 'Alive, to take it' },
      known: { type: 'boolean', description: 'It was handed out before' },
    }),
  ),
  deliveries: listOf(
    every({
      channel: text,
      target: text,
      event_type: text,
      state: { type: 'string', enum: ['pending', 'disabled'] },
      known: { type: 'boolean', description: 'Told before: it is not told again' },
      payload: object,
    }),
  ),
}

const deadLetterContent = every({
  encoding: { type: 'string', enum: ['json', 'text', 'base64'] },
  size: { ...integer, description: 'Bytes' },
  content: {},
})

const deadLetterEntry = {
  id: { type: 'string', description: 'A parked stream is `parked:<consumer>:<stream>`' },
  kind: { type: 'string', enum: ['message', 'stream'] },
  state: deadLetterState,
  queue: text,
  reason: text,
  code: text,
  message: text,
  type: nullable(text),
  client_id: nullable(text),
  command_id: nullable(text),
  attempts: integer,
  retries: integer,
  first_at: instant,
  last_at: instant,
  closed_at: nullable(instant),
  group: { type: 'string', description: 'Equal for equal causes' },
}

const erasure = every({
  client_id: text,
  reason: text,
  requested_by: actor,
  requested_at: instant,
  confirmed_by: nullable(actor),
  erased_at: nullable(instant),
  removed: nullable(object),
})

const number = { type: 'number' } as const

/** What every row made of an event of others has. */
const ofOthers = {
  stream: text,
  revision: integer,
  event_id: { type: 'string', description: 'As its publisher gave it' },
  position: text,
  source: text,
}
const details = { ...object, description: 'What more the event said' }

const countBy = { type: 'object', additionalProperties: number } as const

/** A part of the stats: with its figures while they are `known`, with a `reason` while they are not. */
const told = (properties: Record<string, object>) => ({
  type: 'object',
  required: ['status'],
  properties: {
    status: { type: 'string', enum: ['known', 'unknown'] },
    reason: { type: 'string', description: 'Why it is unknown' },
    ...properties,
  },
})

const askedAt = {
  ...instant,
  description: 'When the broker told so: up to a minute ago, while it is too busy to tell again',
} as const

const replayInStats = every({ id: text, consumer: text, mode: text, done: integer, total: nullable(integer) })

/** Every named schema of the document. */
export const schemas: Record<string, object> = {
  Problem: {
    ...every({
      type: text,
      title: text,
      status: integer,
      detail: text,
      code: { type: 'string', description: 'Stable; listed in docs/codes.md', example: 'journey/unknown' },
      errors: listOf(detail),
    }),
    description: 'RFC 9457. A refusal of a command carries the command itself, too',
  },
  CommandAnswer: every({
    command_id: text,
    command_type: nullable(text),
    status: commandStatus,
    stream: nullable(text),
    revision: nullable(integer),
    events: listOf(text),
    error: nullable(every({ code: text, message: text, details: listOf(detail) })),
  }),
  CommandReceipt: every({
    command_id: text,
    status: commandStatus,
    links: { type: 'object', required: ['self'], additionalProperties: text },
  }),
  WaitingFor: every(waiting),
  Journey: every({
    client_id: text,
    current_stage: currentStage,
    previous_stage: nullable(currentStage),
    started_at: instant,
    stage_started_at: instant,
    completed_stages: listOf(stage),
    metadata: object,
    created_at: instant,
    updated_at: instant,
    stage,
    status: { type: 'string', enum: ['active', 'rolling_back', 'completed', 'cancelled'] },
    episode: integer,
    visit: integer,
    gate: object,
    held: nullable(object),
    rollback: nullable(object),
    profile: object,
    ended_at: nullable(instant),
    ended_by: nullable(text),
    end_reason: nullable(text),
    revision: integer,
    stage_due_at: { ...nullable(instant), description: 'When the stage should be over; a target, never enforced' },
    overdue: { type: 'boolean' },
    waiting_for: listOf(ref('WaitingFor')),
  }),
  JourneyPage: page('Journey'),
  Why: every({
    client_id: text,
    stage,
    status: text,
    waiting_for: listOf(
      every({ ...waiting, says: text, to_do: { ...nullable(text), description: 'What somebody can do about it' } }),
    ),
    next: { type: 'string', description: 'What comes after that' },
  }),
  HistoryEvent: every({
    event_id: text,
    event_type: text,
    event_version: text,
    timestamp: instant,
    stream: text,
    revision: integer,
    position: text,
    episode: nullable(integer),
    source: text,
    actor,
    reason: nullable(text),
    results: nullable(object),
    correlation_id: text,
    causation_id: text,
    data: object,
  }),
  History: every({
    state: { ...nullable(object), description: 'The journey as it was at `as_of`; null without it' },
    items: listOf(ref('HistoryEvent')),
    next_cursor: nullable(text),
    last_cursor: { ...nullable(text), description: 'Behind the last item shown: for what will have happened later' },
  }),
  Transition: every({
    transition_id: text,
    client_id: text,
    from_stage: nullable(currentStage),
    to_stage: currentStage,
    transitioned_at: instant,
    reason: nullable(text),
    exit_criteria_results: nullable(object),
    initiated_by: text,
    episode: integer,
    visit: integer,
    revision: integer,
  }),
  TransitionPage: page('Transition'),
  ExitCriteria: every({
    client_id: text,
    episode: integer,
    stage,
    visit: integer,
    gate: object,
    checks: { ...listOf(check), description: 'Of the latest evaluation in this visit' },
    evaluations: { ...listOf(evaluation), description: 'The latest 20, the latest first' },
  }),
  UnitOfWork: every({
    work_id: text,
    client_id: text,
    stage,
    status: { type: 'string', enum: ['pending', 'in_progress', 'completed', 'failed', 'cancelled'] },
    tasks: listOf(object),
    results: nullable(object),
    created_at: instant,
    started_at: nullable(instant),
    completed_at: nullable(instant),
    kind: { type: 'string', enum: ['setup', 'gate', 'rollback'] },
    episode: integer,
    visit: integer,
    n: integer,
    template_id: text,
    name: text,
    inputs: object,
    parameters: object,
    criteria: nullable(listOf(object)),
    reason: nullable(text),
    updated_at: instant,
    revision: integer,
  }),
  UnitOfWorkPage: page('UnitOfWork'),
  Approval: every({
    work_id: text,
    task_id: text,
    client_id: text,
    stage,
    name: text,
    asked_at: instant,
    decision: nullable({ type: 'string', enum: ['approve', 'reject'] }),
    decided_by: nullable(text),
    comment: nullable(text),
    decided_at: nullable(instant),
    closed_at: nullable(instant),
  }),
  ApprovalPage: page('Approval'),
  Agent: every({
    agent_id: text,
    name: text,
    intents: listOf(text),
    type: text,
    version: text,
    cognitive_pattern: nullable(text),
    created_by: text,
    registered_at: instant,
    updated_at: instant,
    registered: { type: 'boolean', description: 'False for an agent that others told of; it gets no tasks' },
    last_heartbeat: nullable(instant),
    active_tasks: nullable(integer),
    alive: { type: 'boolean', description: 'Heard of within three heartbeats' },
  }),
  AgentPage: page('Agent'),
  ReceivedEvent: every({
    ...ofOthers,
    event_type: text,
    version: text,
    at: instant,
    correlation_id: text,
    causation_id: text,
    data: object,
  }),
  ReceivedEventPage: page('ReceivedEvent'),
  KnowledgeShare: every({
    ...ofOthers,
    knowledge_id: text,
    source_agent_id: text,
    target_agent_ids: listOf(text),
    domain: text,
    shared_at: instant,
    details,
  }),
  KnowledgeSharePage: page('KnowledgeShare'),
  Pattern: every({
    ...ofOthers,
    pattern_id: nullable(text),
    agent_id: nullable(text),
    pattern_type: nullable(text),
    confidence: nullable(number),
    learned_at: instant,
    details,
  }),
  PatternPage: page('Pattern'),
  Notification: every({
    ...ofOthers,
    event_type: text,
    channel: nullable(text),
    recipient: nullable(text),
    template: nullable(text),
    at: instant,
    details,
  }),
  NotificationPage: page('Notification'),
  DeadLetterEntry: every(deadLetterEntry),
  DeadLetterPage: page('DeadLetterEntry'),
  DeadLetterGroups: every({
    items: listOf(
      every({
        group: text,
        queue: text,
        code: text,
        message: { type: 'string', description: 'Without ids and numbers' },
        count: integer,
        first_at: instant,
        last_at: instant,
        example_id: text,
      }),
    ),
    next_cursor: nullable(text),
  }),
  DeadLetter: {
    type: 'object',
    required: [
      'id',
      'kind',
      'state',
      'queue',
      'reason',
      'code',
      'message',
      'attempts',
      'first_at',
      'last_at',
      'actions',
    ],
    properties: {
      ...deadLetterEntry,
      service: { ...nullable(text), description: 'Who gave it up' },
      message_id: nullable(text),
      created_at: instant,
      retried_at: nullable(instant),
      path: every({ exchange: nullable(text), routing_key: nullable(text), queue: text, x_death: listOf(object) }),
      properties: object,
      headers: object,
      original: { ...nullable(object), description: 'What would act a second time, as it stood' },
      body: nullable(deadLetterContent),
      edited_body: { ...nullable(deadLetterContent), description: 'Published instead of the body' },
      stream: nullable(every({ name: text, first_revision: integer, last_seen: integer, waits_for: nullable(text) })),
      tries: { ...listOf(object), description: 'The deaths before this one, the oldest first' },
      actions: listOf(every({ action: text, actor, reason: nullable(text), details: nullable(object), at: instant })),
    },
  },
  DeadLetterJob: every({
    id: text,
    state: { type: 'string', enum: ['running', 'completed', 'stopped', 'cancelled'] },
    filter: object,
    rate: { ...integer, description: 'Messages per second at most' },
    stop_after: integer,
    reason: nullable(text),
    requested_by: actor,
    progress: every({
      done: { ...integer, description: 'Of the frozen set, whatever came of them' },
      total: integer,
      resolved: integer,
      failed: { ...integer, description: 'Died again' },
      skipped: { ...integer, description: 'No longer open when their turn came, or not to be retried' },
    }),
    created_at: instant,
    updated_at: instant,
    ended_at: nullable(instant),
  }),
  DeadLetterActing: every({
    id: text,
    state: deadLetterState,
    retry: { ...nullable(integer), description: 'The how manieth retry' },
    command_id: nullable(text),
  }),
  DeadLetterForecast: every(forecast),
  DeadLetterForecasts: every({
    total: { ...integer, description: 'Open ones that the filter leaves' },
    shown: integer,
    cut: { type: 'boolean', description: 'There are more than are shown' },
    summary: listOf(every({ outcome: forecastOutcome, code: nullable(text), count: integer })),
    items: listOf(ref('DeadLetterForecast')),
  }),
  ControlAction: every({
    id: integer,
    action: { type: 'string', enum: ['pause', 'resume', 'reload'] },
    services: { ...nullable(listOf(text)), description: 'Null: all of them' },
    log_level: nullable(text),
    reason: nullable(text),
    actor,
    at: instant,
  }),
  Replay: every({
    id: text,
    consumer: text,
    mode: { type: 'string', enum: ['rebuild', 'reprocess', 'redeliver'] },
    from: instant,
    to: nullable(instant),
    filter: nullable({ type: 'object', properties: { type: text, client_id: text } }),
    dry_run: { type: 'boolean' },
    state: { type: 'string', enum: ['running', 'paused', 'completed', 'failed', 'cancelled'] },
    progress: every({
      done: integer,
      total: { ...nullable(integer), description: 'Events, or streams with `reprocess`; null until they are counted' },
    }),
    error: nullable(every({ code: text, message: text })),
    requested_by: actor,
    created_at: instant,
    updated_at: instant,
    ended_at: { ...nullable(instant), description: 'When nothing of it was left to be done or taken away' },
  }),
  ReplayPage: page('Replay'),
  ArchiveList: every({
    items: listOf(
      every({
        day: { type: 'string', format: 'date' },
        events: integer,
        bytes: { ...integer, description: 'Compressed' },
        categories: { ...object, description: 'Events by category' },
      }),
    ),
  }),
  ArchiveJob: every({
    id: text,
    kind: { type: 'string', enum: ['run', 'verify', 'restore'] },
    options: object,
    state: { type: 'string', enum: ['running', 'completed', 'failed', 'cancelled'] },
    progress: every({ done: { ...integer, description: 'Events' }, total: nullable(integer) }),
    result: nullable({
      type: 'object',
      required: ['events', 'segments'],
      properties: { events: integer, segments: integer, problems: listOf(text) },
    }),
    error: nullable(every({ code: text, message: text })),
    requested_by: actor,
    created_at: instant,
    updated_at: instant,
    ended_at: nullable(instant),
  }),
  ArchiveJobPage: page('ArchiveJob'),
  Encryption: every({
    status: { type: 'string', enum: ['on', 'off'] },
    master_key: { ...nullable(text), description: 'The id of the present one; it tells nothing of the key' },
    data_keys: listOf(every({ master_key: text, known: { type: 'boolean' }, count: integer })),
    destroyed: integer,
  }),
  Rotation: every({ rewrapped: integer, left: { ...integer, description: 'Under other master keys' } }),
  Erasure: {
    ...erasure,
    properties: {
      ...erasure.properties,
      confirm: { ...text, description: 'To be sent back; of the first call' },
      confirm_until: instant,
      removes: { ...object, description: 'Rows with content by table, and data keys' },
      events_in_clear: { ...integer, description: 'Stored before encryption was on; they stay on the disk' },
    },
  },
  ErasureList: every({ items: listOf(erasure) }),
  BusEvent: every({
    event_id: text,
    event_type: text,
    event_version: text,
    timestamp: instant,
    source: text,
    data: object,
    metadata: {
      ...object,
      description:
        'correlation_id, causation_id, actor, stream, revision, position and what more was recorded; events of others have what their publisher gave',
    },
  }),
  EventPage: every({
    items: listOf(ref('BusEvent')),
    next_cursor: { ...nullable(text), description: 'Null at the end of the log' },
    last_cursor: { ...nullable(text), description: 'Behind what was looked at: for what will have happened later' },
  }),
  Stats: every({
    at: instant,
    servers: told({ checks: { ...object, description: 'As `/ready` tells them' } }),
    services: told({
      items: listOf(
        every({
          service: text,
          instance: { type: 'string', description: 'Host and process' },
          status: { type: 'string', enum: ['running', 'silent'] },
          started_at: instant,
          last_heard_at: instant,
        }),
      ),
    }),
    journeys: told({ active: { ...countBy, description: 'By stage' } }),
    rates: told({
      published_per_second: number,
      consumed_per_second: number,
      published: { ...countBy, description: 'Per second, by exchange' },
      consumed: { ...countBy, description: 'Per second, by queue' },
    }),
    lags: listOf(
      every({
        consumer: text,
        queue: { ...nullable(text), description: 'Null for the relay, which reads the log' },
        events: { ...nullable(integer), description: 'Of a queue: as of `queues.asked_at`' },
        at_least: { type: 'boolean', description: 'There are more than were counted' },
        seconds: { ...nullable(number), description: 'Age of the oldest' },
        consumers: nullable(integer),
        reason: { ...nullable(text), description: 'Why something is null' },
      }),
    ),
    critical_time: told({
      p50_seconds: {
        ...nullable(number),
        description: 'From a command being sent to its rows being visible, of the last five minutes',
      },
      p99_seconds: nullable(number),
      events: integer,
    }),
    queues: told({
      asked_at: askedAt,
      items: listOf(
        every({
          queue: text,
          ready: integer,
          unacknowledged: integer,
          consumers: integer,
          publish_rate: number,
          deliver_rate: number,
          ack_rate: number,
        }),
      ),
    }),
    retries: told({ asked_at: askedAt, items: listOf(every({ queue: text, delay: text, waiting: integer })) }),
    parked: told({ streams: integer, oldest: nullable(every({ stream: text, since: instant })) }),
    dead_letters: told({
      open: integer,
      retrying: integer,
      resolved: integer,
      discarded: integer,
      overdue: { ...integer, description: 'Open for more than 5 days' },
      poison: { ...integer, description: 'Open ones that killed their handler again and again' },
      oldest_open_at: nullable(instant),
    }),
    jobs: told({ running: { ...integer, description: 'Retries of many dead letters' } }),
    replays: told({ running: listOf(replayInStats), paused: listOf(replayInStats) }),
    order: told({ gaps_healed: integer, duplicates_dropped: integer }),
    paused: told({
      items: listOf(
        every({
          service: text,
          instances: { ...integer, description: 'That say of themselves that they are paused' },
          by: { ...nullable(text), description: 'Null where it was a bare broadcast, or a service waits to know' },
          reason: nullable(text),
          since: nullable(instant),
        }),
      ),
    }),
    breakers: told({
      items: listOf(
        every({
          service: text,
          instance: text,
          of: { type: 'string', description: 'The queue whose consumer pauses, or the channel to the world outside' },
          state: { type: 'string', enum: ['closed', 'half_open', 'open'] },
        }),
      ),
    }),
  }),
}
