import { createHash } from 'node:crypto'
import { agentIdPattern, intentPattern } from './commands/fields.js'

/**
 * Everything of ours that stands on the bus, as data (CONTRACT.md section 1). Names and arguments are promises: a queue that
 * exists is never declared with others, so a change here needs a new name or a migration.
 *
 * What holds for every queue: durable, of an explicit type, a dead-letter queue beside it, an explicit delivery limit
 * where the type knows one, nothing that RabbitMQ 4 dropped (mirroring, transient shared queues, global prefetch).
 */
export type Topology = { readonly exchanges: readonly Exchange[]; readonly queues: readonly Queue[] }

export type Exchange = { readonly name: string; readonly type: 'topic' | 'direct' | 'fanout' }

export type Queue = {
  readonly name: string
  /** The service that declares it at its start and drains its dead letters. */
  readonly owner: Owner
  /** The broker's arguments, `x-queue-type` among them. */
  readonly arguments: Readonly<Record<string, string | number | boolean>>
  readonly bindings: readonly Binding[]
}

export type Binding = { readonly exchange: string; readonly key: string }

export type Owner = 'command-handler' | 'projector' | 'saga-processor' | 'notifier'

/**
 * What the broker is, as far as the table depends on it. `version` as the broker reports it: `3.10.8`. Whether it is a cluster matters
 * to the command queue alone.
 */
export type Broker = { readonly version: string; readonly clustered?: boolean }

export const exchanges = {
  commands: { name: 'journey.commands', type: 'topic' },
  events: { name: 'journey.events', type: 'topic' },
  tasks: { name: 'journey.tasks', type: 'direct' },
  retry: { name: 'journey.retry', type: 'direct' },
  deadLetters: { name: 'journey.dlx', type: 'topic' },
  replay: { name: 'journey.replay', type: 'direct' },
  received: { name: 'journey.received', type: 'topic' },
  control: { name: 'journey.control', type: 'fanout' },
} as const satisfies Record<string, Exchange>

/** A step of delayed redelivery: its waiting queue is `<queue>.retry.<label>`. */
export type RetryStep = { readonly label: string; readonly delayMs: number }

/** The delays an unordered consumer's message waits through after its quick tries, in order. */
export const retrySteps: readonly RetryStep[] = [
  { label: '5s', delayMs: 5_000 },
  { label: '30s', delayMs: 30_000 },
  { label: '2m', delayMs: 120_000 },
  { label: '10m', delayMs: 600_000 },
]

/** The names that belong to a work queue. */
export const deadLetterQueueOf = (queue: string): string => `${queue}.dlq`
export const deadLetterKeyOf = (queue: string): string => `dlx.${queue}`
export const waitingQueueOf = (queue: string, step: RetryStep): string => `${queue}.retry.${step.label}`

export const commandQueue = 'command-handler.commands'
export const sagaQueue = 'saga-processor.events'
export const notifierQueue = 'notifier.events'
/** Where the notifier hears replays, so that live events need not wait behind them. */
export const notifierReplayQueue = 'notifier.replays'
/** First words of the types of events that others publish onto `journey.events` and that we record. */
export const receivedFamilies = ['agent', 'knowledge', 'pattern', 'notification'] as const
export type ReceivedFamily = (typeof receivedFamilies)[number]
export const familyQueue = (family: ReceivedFamily): string => `${family}.events`
export const projectorQueue = (n: number): string => `projector.events.${n}`
export const intentQueue = (intent: string): string => `tasks.${intent}`
export const agentQueue = (agentId: string): string => `agent.${agentId}`
/** The key on `journey.tasks` that reaches one agent alone. */
export const agentKey = (agentId: string): string => `agent.${agentId}`

const dayMs = 86_400_000

/**
 * RabbitMQ 3.x delivers without end unless told otherwise, 4.x dead-letters after 20 returns. A return is not a failure
 * here: every lost connection returns what was unacknowledged, and a consumer that waits for a server uses nothing up.
 * Who really kills its handler is counted by the service (DESIGN.md, "poison"). 3.10 refuses -1, which would say "never".
 */
const practicallyNever = 1_000_000_000

/** Agents are other people's programs: a task that comes back this often is poison. The default of RabbitMQ 4. */
const taskDeliveries = 20

const toDeadLetters = (queue: string) => ({
  'x-dead-letter-exchange': exchanges.deadLetters.name,
  'x-dead-letter-routing-key': deadLetterKeyOf(queue),
})

/** Without it a quorum queue drops the message when the queue behind the exchange is away; it asks for `reject-publish`. */
const deadLetteredForSure = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } as const

const quorumQueue = (
  name: string,
  owner: Owner,
  bindings: readonly Binding[],
  own: Queue['arguments'],
  deliveries = practicallyNever,
): Queue => ({
  name,
  owner,
  bindings,
  arguments: {
    'x-queue-type': 'quorum',
    'x-delivery-limit': deliveries,
    ...toDeadLetters(name),
    ...deadLetteredForSure,
    ...own,
  },
})

/**
 * A dead-letter queue has no time to live: its owner empties it into a table, where open dead letters never expire, and
 * what waits here while the owner is down must not be lost. It has no dead-letter exchange either.
 */
const deadLetterQueue = (of: Queue): Queue => ({
  name: deadLetterQueueOf(of.name),
  owner: of.owner,
  bindings: [{ exchange: exchanges.deadLetters.name, key: deadLetterKeyOf(of.name) }],
  arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': practicallyNever },
})

/** One queue per delay: a short time to live waits behind a longer one at the head (tried on 3.10.8, both types). */
const waitingQueue = (of: Queue, step: RetryStep): Queue => ({
  name: waitingQueueOf(of.name, step),
  owner: of.owner,
  bindings: [{ exchange: exchanges.retry.name, key: waitingQueueOf(of.name, step) }],
  arguments: {
    'x-queue-type': 'quorum',
    'x-delivery-limit': practicallyNever,
    'x-message-ttl': step.delayMs,
    'x-dead-letter-exchange': exchanges.retry.name,
    'x-dead-letter-routing-key': of.name,
    ...deadLetteredForSure,
  },
})

/** A work queue whose consumer retries through waiting queues: those, the way back, and the dead-letter queue, in declaring order. */
export const withRetries = (queue: Queue, steps: readonly RetryStep[] = retrySteps): Queue[] => [
  deadLetterQueue(queue),
  { ...queue, bindings: [...queue.bindings, { exchange: exchanges.retry.name, key: queue.name }] },
  ...steps.map((step) => waitingQueue(queue, step)),
]

/** A work queue whose consumer never hands a message back: with its dead-letter queue, in declaring order. */
export const withDeadLetters = (queue: Queue): Queue[] => [deadLetterQueue(queue), queue]

/**
 * Priorities 0 to 9 need RabbitMQ 4.3 on a quorum queue. Before that only classic queues know them, and a classic queue lives
 * on one node: in a cluster the guarantee that nothing is lost goes first, and order holds inside the prefetch window only.
 */
const commands = ({ version, clustered }: Broker): Queue => {
  const bindings = [{ exchange: exchanges.commands.name, key: '#' }]
  const own = { 'x-message-ttl': dayMs }
  const priorities = { 'x-max-priority': 9 }
  if (isAtLeast(version, 4, 3)) return quorumQueue(commandQueue, 'command-handler', bindings, { ...own, ...priorities })
  if (clustered) return quorumQueue(commandQueue, 'command-handler', bindings, own)
  return {
    name: commandQueue,
    owner: 'command-handler',
    bindings,
    arguments: { 'x-queue-type': 'classic', ...priorities, ...own, ...toDeadLetters(commandQueue) },
  }
}

const isAtLeast = (version: string, major: number, minor: number): boolean => {
  const [actualMajor = 0, actualMinor = 0] = version.split('.').map(Number)
  return actualMajor > major || (actualMajor === major && actualMinor >= minor)
}

/** How many queues share the buckets unless the settings say otherwise; each has one active consumer at a time. */
export const projectorQueues = 4

/** No time to live: an expired event would be a gap. One active consumer at a time keeps the order of each bucket. */
const projections = (n: number, count: number): Queue =>
  quorumQueue(
    projectorQueue(n),
    'projector',
    buckets
      .filter((_, bucket) => bucket % count === n)
      .flatMap((bucket) => [
        { exchange: exchanges.events.name, key: bucketKey(bucket) },
        { exchange: exchanges.received.name, key: bucketKey(bucket) },
      ]),
    { 'x-single-active-consumer': true },
  )

const sagas = quorumQueue(
  sagaQueue,
  'saga-processor',
  ['journey.*', 'unit_of_work.*', 'task.*', 'approval.*', 'agent.*'].map((key) => ({
    exchange: exchanges.events.name,
    key,
  })),
  {},
)

const notifications = quorumQueue(notifierQueue, 'notifier', [{ exchange: exchanges.events.name, key: 'journey.*' }], {
  'x-message-ttl': dayMs,
})

/** What others publish straight onto our exchange waits here to be recorded; several consumers share each queue. */
const received = (family: ReceivedFamily): Queue =>
  quorumQueue(familyQueue(family), 'command-handler', [{ exchange: exchanges.events.name, key: `${family}.*` }], {
    'x-message-ttl': dayMs,
  })

/** Bound for each replay by whoever runs it, by a key of its own. */
const replayedNotifications = quorumQueue(notifierReplayQueue, 'notifier', [], { 'x-message-ttl': dayMs })

const tasks = (queue: string, key: string): Queue[] =>
  withDeadLetters(
    quorumQueue(
      queue,
      'saga-processor',
      [{ exchange: exchanges.tasks.name, key }],
      { 'x-message-ttl': dayMs },
      taskDeliveries,
    ),
  )

/** How often a message comes from a queue before the broker gives it up; undefined where that is practically never. */
export const deliveriesOf = (queue: string): number | undefined =>
  queueOfName(queue) === undefined ? undefined : taskDeliveries + 1

/** The queues of one intent, shared by all agents that offer it. Saga-processor owns them; an agent may declare them too. */
export const queuesOfIntent = (intent: string): Queue[] => tasks(intentQueue(intent), intent)

/** The queues of one agent, for tasks addressed to it alone. Saga-processor owns them; the agent may declare them too. */
export const queuesOfAgent = (agentId: string): Queue[] => tasks(agentQueue(agentId), agentKey(agentId))

/**
 * How the projector's buckets are shared out: over `count` queues. While they become fewer it reads from more: from `queues` many,
 * the last of which get nothing new. Kept in the database, so that whoever declares or checks reads the same number.
 */
export type Partitions = { readonly count: number; readonly queues: number }

/** Which of the projector's queues this is: `n` for `projector.events.<n>`, undefined for every other queue. */
export const projectorQueueNumber = (queue: string): number | undefined => {
  const [, n] = /^projector\.events\.(\d{1,2})$/.exec(queue) ?? []
  return n === undefined ? undefined : Number(n)
}

/**
 * Where a queue's messages wait while it is declared anew with other arguments. It dead-letters as the queue does, since the
 * messages' own time to live goes on.
 */
export const migrationQueueOf = ({ name, owner, bindings, arguments: own }: Queue): Queue => {
  const deadLetters = own['x-dead-letter-exchange'] === undefined ? {} : deadLetteredForSure
  const kept = Object.entries(own).filter(([argument]) => argument.startsWith('x-dead-letter-'))
  return {
    name: `${name}.migrating`,
    owner,
    bindings,
    arguments: {
      'x-queue-type': 'quorum',
      'x-delivery-limit': practicallyNever,
      ...Object.fromEntries(kept),
      ...deadLetters,
    },
  }
}

/** The queue that a migration's queue stands in for; undefined for every other queue. */
export const migratedBy = (queue: string): string | undefined => /^(.+)\.migrating$/.exec(queue)?.[1]

/**
 * The table's row of a queue that is not in `topologyFor`: that of an intent or an agent, or its dead-letter queue. Undefined when
 * the name is none of those.
 */
export const queueOfName = (name: string): Queue | undefined => {
  const [, kind, own] = /^(tasks|agent)\.(.+?)(?:\.dlq)?$/.exec(name) ?? []
  // `events` is no agent's id: the queue of that name holds what others publish, with its own retries and dead letters.
  if (kind === undefined || own === undefined || !(kind === 'tasks' ? intentPattern : agentIdPattern).test(own))
    return undefined
  return (kind === 'tasks' ? queuesOfIntent(own) : queuesOfAgent(own)).find((queue) => queue.name === name)
}

/** The whole table but for the queues of intents and agents, which come and go: `queuesOfIntent`, `queuesOfAgent`. */
export const topologyFor = (broker: Broker, options: { projectorQueues?: number } = {}): Topology => {
  const count = options.projectorQueues ?? projectorQueues
  return {
    exchanges: Object.values(exchanges),
    queues: [
      ...withRetries(commands(broker)),
      ...Array.from({ length: count }, (_, n) => withDeadLetters(projections(n, count))).flat(),
      ...withRetries(sagas),
      ...withRetries(notifications),
      ...withRetries(replayedNotifications),
      ...receivedFamilies.flatMap((family) => withRetries(received(family))),
    ],
  }
}

/** Whether a queue's name is one of ours, those of intents, agents, waiting messages and dead letters included. */
export const isOwnQueue = (name: string): boolean =>
  /^(command-handler|projector|saga-processor|notifier|tasks|agent|knowledge|pattern|notification)\./.test(name)

/** What one service declares at its start: every exchange, so that any service may start first, and its own queues. */
export const ownedBy = (owner: Owner, topology: Topology): Topology => ({
  exchanges: topology.exchanges,
  queues: topology.queues.filter((queue) => queue.owner === owner),
})

/**
 * The queues that have to hear events, whoever owns them. An exchange drops what it has no queue for, and tells nobody while one
 * of several is missing: so who publishes events declares these first.
 */
export const eventQueuesOf = ({ queues }: Topology): Queue[] =>
  queues.filter(({ bindings }) => bindings.some(({ exchange }) => exchange === exchanges.events.name))

/** A share of the message groups: `00` to `63`. */
export type Bucket = string

export const bucketCount = 64
export const buckets: readonly Bucket[] = Array.from({ length: bucketCount }, (_, n) => String(n).padStart(2, '0'))

/** The key, or `CC` entry, that addresses a bucket on `journey.events` and `journey.received`. */
export const bucketKey = (bucket: Bucket): string => `bucket.${bucket}`

/**
 * The bucket of a message group: the first byte of the SHA-256 of the name's UTF-8, modulo 64, two digits. A promise to
 * everyone who binds buckets; it never changes.
 */
export const bucketOf = (groupStream: string): Bucket =>
  buckets[createHash('sha256').update(groupStream, 'utf8').digest()[0]! % bucketCount]!

/**
 * The message group's stream (header `partition-key`): the client's journey for streams of journeys and units of work, else
 * the stream itself. A unit of work whose client is not known is a group of its own: still in order by itself.
 */
export const partitionKeyOf = (stream: string, clientId?: string): string =>
  stream.startsWith('unit_of_work-') && clientId !== undefined ? `journey-${clientId}` : stream
