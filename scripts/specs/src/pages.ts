import { journeyTransitions, unitOfWorkTransitions } from '@journey/domain'
import {
  busTypes,
  codes,
  commandKinds,
  dataSchema,
  eventSchemas,
  queuesOfAgent,
  queuesOfIntent,
  receivedFamilies,
  receivedSchemas,
  receivedType,
  topologyFor,
  type CommandType,
  type Queue,
  type Schema,
  type StoredType,
} from '@journey/contracts'
import { asyncApi } from './asyncapi.js'

/** The pages of `docs/` that are made from the code, by file name. */
export const pages = (): Record<string, string> => ({
  'codes.md': codesPage(),
  'bus.md': busPage(),
  'journey.md': journeyPage(),
  'asyncapi.json': `${JSON.stringify(asyncApi(), null, 2)}\n`,
})

const made = 'Made from the code by `npm run docs`; a spec fails when it is not up to date.'

const table = (head: string[], rows: string[][]): string =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => ' --- ').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n')

const code = (text: string): string => `\`${text}\``

const codesPage = (): string => `# Error codes

${made}

Every expected error carries one of these. The part before the slash is the area, the rest says what happened. Codes never
change their meaning and are never renamed.

${table(
  ['code', 'says'],
  Object.entries(codes).map(([name, says]) => [code(name), says]),
)}
`

const busPage = (): string => {
  const { exchanges, queues } = topologyFor({ version: '3.10.8', clustered: false })
  const types = Object.keys(commandKinds) as CommandType[]
  return `# The bus

${made}

For people who publish, subscribe or write agents; for programs the same stands in [asyncapi.json](asyncapi.json). All exchanges and work queues are durable, messages
persistent, publishing confirmed, acknowledgement manual.

## Exchanges

${table(
  ['exchange', 'type'],
  exchanges.map(({ name, type }) => [code(name), type]),
)}

## Queues

As declared on RabbitMQ 3.10 to 4.2, one node. In a cluster, and from RabbitMQ 4.3 on, the command queue is a quorum queue
too; the management API says which it is, or \`RABBITMQ_CLUSTERED\`. A service whose queue stands with other arguments does not start
its work: it says in \`/ready\` and its log which argument is what and should be what, and goes on once that is mended.
\`npm run topology -- plan\` shows all that differs from this table, \`npm run topology -- apply\` makes it so under live traffic.

The projector's buckets are shared out over as many queues as \`npm run topology -- apply --partitions M\` says, four at first.

${table(['queue', 'owner', 'bound to', 'arguments'], queues.map(queueRow))}

Of each intent and each agent:

${table(['queue', 'owner', 'bound to', 'arguments'], [...queuesOfIntent('<intent>'), ...queuesOfAgent('<agent_id>')].map(queueRow))}

The saga-processor declares the queues of every intent that the configuration or a registered agent names. An agent may declare
them too, with exactly these arguments.

## Commands

Published to \`journey.commands\` with the type as routing key. Fields in **bold** are required.

${types
  .filter((type) => commandKinds[type].from === 'anyone')
  .map(commandEntry)
  .join('\n\n')}

### The saga-processor's own

Nobody else sends these.

${types
  .filter((type) => commandKinds[type].from === 'service')
  .map(commandEntry)
  .join('\n\n')}

### Answers

With \`reply_to\` and \`correlation_id\` set, the sender hears the outcome once it is durable; \`GET /api/v1/commands/{id}\` says the
same: \`{command_id, command_type, status, stream, revision, events[], error}\` with \`status\` \`accepted\`, \`rejected\` (a rule said
no) or \`failed\` (dead-lettered). The command's id is its idempotency key: sent again it gets its first answer, with another body
it is refused as \`command/key_reused\`. It may be the \`message_id\` property or the header \`idempotency-key\` instead.

## Tasks

Published to \`journey.tasks\` with the intent as routing key, or \`agent.<agent_id>\` when one agent is addressed, \`message_id\`
\`<work_id>:<task_id>:<attempt>\`. The body: \`work_id\`, \`task_id\`, \`attempt\`, \`token\`, \`idempotency_key\` (the same for every
attempt), \`intent\`, \`client_id\`, \`stage\`, \`deadline\`, \`input\`, \`parameters\`, \`source_agent\`, \`target_agent\`. An agent registers with
\`agent.register\`, says every 10 s that it lives with \`agent.heartbeat\`, and answers each task with \`task.complete\` or \`task.fail\`,
naming attempt and token. A result that comes after its attempt is over is recorded as late, and not applied.

The \`input\` of a gate's check holds the criterion's parameters and what the journey brings (\`client_id\`, \`data_sources\`, \`connectors\`,
\`users\`, \`pilot_cohort_size\`, \`contract_signed\`). Of the latter its event, \`task.execution_started\`, has \`client_id\` alone: the rest
stands once for all checks in \`inputs\` of \`unit_of_work.created\`.

## Dead letters

What can never be handled goes to \`journey.dlx\` with the key \`dlx.<queue>\` and keeps body, properties and headers; \`expiration\`,
\`user_id\`, \`CC\`, \`BCC\` and \`x-death\` stand in the header \`x-dead-original\`. The headers \`x-dead-reason\` (\`malformed\`, \`expired\`,
\`unsupported_version\`, \`attempts_used_up\`, \`poison\`), \`x-dead-code\`, \`x-dead-message\`, \`x-dead-service\`, \`x-dead-queue\`,
\`x-dead-attempts\`, \`x-dead-first-at\` and \`x-dead-last-at\` say why. The owner of each queue empties its dead-letter queue
into the table \`dead_letters\`.

## Broadcasts

\`journey.control\` reaches every instance of every service:
\`{"action": "pause", "services": ["projector"], "reason": "maintenance", "actor": "dana"}\`. \`pause\` ends consuming once the messages
under way are handled, \`resume\` begins it again; event-relay and api consume nothing that could be paused. \`reload\` has every service
read again how much it logs (\`LOG_LEVEL\`, else \`logging.yaml\`, else \`info\`), or log as \`log_level\` says until the next reload or restart;
the projector looks at once how many queues to read from. Without \`services\` all are meant. A pause shows in \`/ready\` (\`broker/paused\`)
and as \`journey_bus_consumers_paused\`. What is no broadcast is ignored with a warning.

Over HTTP (\`POST /api/v1/control/pause\`) and with \`journey-cli control pause\` a broadcast is written down in the table \`control_actions\`
first, with who and why, and outlasts restarts: a service that starts, or was cut off, does as the latest order says, and consumes nothing
before it knows. A bare broadcast on the bus holds in the memory of those who heard it, and so does any pause of the reference agents, who
know no database.

## Events

Published to \`journey.events\` with the bus type as routing key, in order per stream, at least once: drop what \`stream\` and
\`revision\` have shown before. The header \`proof\` tells our own consumers that the relay has published exactly this; they read what comes without it
from the event store, and what does not stand there is a dead letter, \`event/foreign\`.

${table(
  ['bus type', 'stored type', 'data'],
  Object.entries(busTypes).map(([stored, bus]) => [code(bus), stored, fieldsOf(eventSchemas[stored as StoredType])]),
)}

### Events brought again

A replay to a queue of yours brings events as they were, through \`journey.replay\`, in the order of the log and with the header
\`x-replay-id\`. What a crash cuts off goes on by itself, and up to 200 events may come twice then. A consumer drops those by the headers
\`stream\`, \`revision\` and \`x-replay-id\`: under one \`x-replay-id\`, what is not above the last revision it took of a stream has come before.

### Events of others

Anyone may publish ${receivedFamilies.map((family) => code(`${family}.*`)).join(', ')} events onto \`journey.events\`, with their type as routing key and a JSON body of
at most 256 KiB: **event_id** (up to 128 characters), **event_type**, **event_version** (\`1.0\`), **timestamp** (ISO 8601, from 1970 on), **source**, **data**,
**metadata** with **correlation_id**. Each is recorded once, for good, in the stream \`received-<family>\` as \`${receivedType}\`, whose data is the body.
Once recorded, it goes to the projector by \`journey.received\`, and is shown by \`GET /api/v1/received-events\`, \`/knowledge-shares\`,
\`/patterns\`, \`/notifications\` and \`/agents\`.
What cannot be recorded is a dead letter of \`<family>.events\`: \`event/invalid\`, \`event/unsupported_version\`, \`event/id_reused\` for an id that
said something else before, \`event/foreign\` for one of our types with a stream and revision where it does not stand. Types
with a schema of their own; any other type of these families needs no more than the above:

${table(
  ['bus type', 'data'],
  Object.entries(receivedSchemas).map(([type, schema]) => [code(type), fieldsOf(schema) || 'any object']),
)}
`
}

const queueRow = ({ name, owner, bindings, arguments: own }: Queue): string[] => [
  code(name),
  owner,
  boundTo(bindings),
  Object.entries(own)
    .map(([key, value]) => code(`${key}=${value}`))
    .join(' '),
]

const boundTo = (bindings: Queue['bindings']): string => {
  const buckets = bindings.filter(({ key }) => key.startsWith('bucket.'))
  const others = bindings
    .filter(({ key }) => !key.startsWith('bucket.'))
    .map(({ exchange, key }) => code(`${exchange}: ${key}`))
  const exchanges = [...new Set(buckets.map(({ exchange }) => exchange))]
  return [
    ...others,
    ...exchanges.map(
      (exchange) => `${code(exchange)}: ${buckets.filter((one) => one.exchange === exchange).length} of 64 buckets`,
    ),
  ].join('<br>')
}

const commandEntry = (type: CommandType): string => `- ${code(type)}: ${fieldsOf(dataSchema(type))}`

const fieldsOf = ({ properties = {}, required = [] }: Schema): string =>
  Object.entries(properties as Record<string, Schema>)
    .map(([name, schema]) => `${(required as string[]).includes(name) ? `**${name}**` : name} ${typeOf(schema)}`)
    .join(', ')

const typeOf = ({ type, enum: values, items, oneOf }: Schema): string => {
  if (Array.isArray(values)) return `(${values.join(' / ')})`
  if (Array.isArray(oneOf)) return `(${(oneOf as Schema[]).map(({ type: one }) => String(one)).join(' / ')})`
  const each = items === undefined ? '' : typeOf(items as Schema).slice(1, -1)
  if (type === 'array') return each === '' ? '(array)' : `(array of ${each})`
  return type === undefined ? '' : `(${([type].flat() as string[]).join(' / ')})`
}

const journeyPage = (): string => `# The life of a journey

${made}

One stream per client. \`episode\` counts the journeys of one client, \`visit\` the entries into a stage. While a journey is
\`active\` it is in exactly one of the stages sandbox, pilot and production, in this order.

${diagram(journeyTransitions)}

# The life of a unit of work

Set-ups, gates and rollbacks alike.

${diagram(unitOfWorkTransitions)}
`

const diagram = (transitions: Record<string, Partial<Record<string, string>>>): string => {
  const arrows = Object.entries(transitions).flatMap(([from, events]) => {
    const byTarget = new Map<string, string[]>()
    for (const [event, to] of Object.entries(events))
      if (to !== undefined) byTarget.set(to, [...(byTarget.get(to) ?? []), event])
    return [...byTarget].map(([to, names]) => `    ${from === 'none' ? '[*]' : from} --> ${to}: ${names.join(', ')}`)
  })
  return ['```mermaid', 'stateDiagram-v2', ...arrows, '```'].join('\n')
}
