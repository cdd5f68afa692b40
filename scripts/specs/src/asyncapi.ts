import {
  agentKey,
  agentQueue,
  bucketKey,
  busTypes,
  commandKinds,
  controlSchema,
  dataSchema,
  deadLetterKeyOf,
  eventSchemas,
  exchanges,
  familyQueue,
  intentQueue,
  queuesOfAgent,
  queuesOfIntent,
  receivedEnvelope,
  receivedFamilies,
  receivedSchemas,
  type CommandType,
  type Queue,
  type Schema,
  type StoredType,
} from '@journey/contracts'
import { exampleOf } from './examples.js'

type Part = Record<string, unknown>

/**
 * The bus as an AsyncAPI 3.0 document, for whoever generates clients or pages from it. It speaks from our side: we receive commands
 * and events of others, and send events, tasks and answers. Queues that are ours alone are left out.
 */
export const asyncApi = (): Part => ({
  asyncapi: '3.0.0',
  info: {
    title: 'Journey orchestrator',
    version: '1.0.0',
    description:
      'Brings clients from Sandbox through Pilot to Production. Publish commands, subscribe to events, do tasks as an agent. Delivery is ' +
      'at least once; events come in order per stream.',
  },
  defaultContentType: 'application/json',
  servers: {
    broker: {
      host: '{host}:{port}',
      protocol: 'amqp',
      protocolVersion: '0.9.1',
      description: 'RabbitMQ 3.10 or newer.',
      variables: { host: { default: 'localhost' }, port: { default: '5672' } },
      security: [{ $ref: '#/components/securitySchemes/user' }],
    },
  },
  channels: channels(),
  operations: operations(),
  components: {
    securitySchemes: { user: { type: 'userPassword' } },
    schemas: schemas(),
    messages: messages(),
  },
})

const publicCommands = (Object.keys(commandKinds) as CommandType[]).filter(
  (type) => commandKinds[type].from === 'anyone',
)
const events = Object.entries(busTypes) as [StoredType, string][]

/** Messages of others: one per type with a schema of its own, and one for all the rest; `agent.created` is one of ours, too. */
const others: Readonly<Record<string, Schema>> = { ...receivedSchemas, any: receivedEnvelope.properties.data }
const ofOthers = (type: string): string => `others.${type}`
const recordedOf = (type: string): string => `recorded.${type}`
const otherTypes = Object.keys(others)

const ref = (path: string): Part => ({ $ref: `#/${path}` })
const messagesOf = (names: readonly string[]): Part =>
  Object.fromEntries(names.map((name) => [name, ref(`components/messages/${name}`)]))
const inChannel = (channel: string, names: readonly string[]): Part[] =>
  names.map((name) => ref(`channels/${channel}/messages/${name}`))
const exchangeBinding = ({ name, type }: { name: string; type: string }): Part => ({
  amqp: {
    is: 'routingKey',
    exchange: { name, type, durable: true, autoDelete: false, vhost: '/' },
    bindingVersion: '0.3.0',
  },
})
const queueBinding = (name: string): Part => ({
  amqp: {
    is: 'queue',
    queue: { name, durable: true, exclusive: false, autoDelete: false, vhost: '/' },
    bindingVersion: '0.3.0',
  },
})
const argumentsOf = (queues: readonly Queue[], name: string): string => {
  const { arguments: own = {} } = queues.find((queue) => queue.name === name) ?? {}
  return Object.entries(own)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')
}

const channels = (): Part => ({
  commands: {
    address: '{command_type}',
    title: 'Commands, from anyone',
    description: 'The routing key is the type of the command.',
    parameters: { command_type: { enum: publicCommands, description: 'Type of the command.' } },
    messages: messagesOf(publicCommands),
    bindings: exchangeBinding(exchanges.commands),
  },
  answers: {
    address: null,
    title: 'Answers to commands, to the queue that the command names in reply_to',
    messages: messagesOf(['command_answer']),
  },
  events: {
    address: '{event_type}',
    title: 'Every stored event',
    description:
      'Bind a queue of yours by type or pattern (`journey.*`, `#`). Drop what `stream` and `revision` have shown before. Each event is ' +
      'also addressed to `bucket.<00..63>`, the hash of its partition key, for consumers that share the work in order.',
    parameters: { event_type: { enum: events.map(([, type]) => type), description: 'Type of the event.' } },
    messages: messagesOf(events.map(([, type]) => type)),
    bindings: exchangeBinding(exchanges.events),
  },
  events_of_others: {
    address: '{event_type}',
    title: 'Events of others, from anyone',
    description:
      'Published with their type as routing key. Each is recorded once, by its event_id. Read by ' +
      `${receivedFamilies.map((family) => `\`${familyQueue(family)}\` (\`${family}.*\`)`).join(', ')}.`,
    parameters: {
      event_type: {
        description: `A type of the families ${receivedFamilies.map((family) => `\`${family}.*\``).join(', ')}.`,
      },
    },
    messages: messagesOf(otherTypes.map(ofOthers)),
    bindings: exchangeBinding(exchanges.events),
  },
  recorded_events_of_others: {
    address: bucketKey('{bucket}'),
    title: 'Events of others, once they are recorded, for consumers that share the work in order',
    description: 'As their publisher sent them, and in their metadata where they stand.',
    parameters: { bucket: { description: '`00` to `63`: the hash of the partition key, here the stream.' } },
    messages: messagesOf(otherTypes.map(recordedOf)),
    bindings: exchangeBinding(exchanges.received),
  },
  tasks: {
    address: '{intent}',
    title: 'Tasks for agents, by intent',
    parameters: {
      intent: { description: `The intent, or \`${agentKey('<agent_id>')}\` when one agent is addressed.` },
    },
    messages: messagesOf(['task']),
    bindings: exchangeBinding(exchanges.tasks),
  },
  tasks_of_intent: {
    address: intentQueue('{intent}'),
    title: 'The queue that all agents of an intent share',
    description: `Declared with ${argumentsOf(queuesOfIntent('i'), intentQueue('i')).replaceAll('tasks.i', 'tasks.<intent>')}`,
    parameters: { intent: { description: '1 to 100 of a-z, 0-9 and _.' } },
    messages: messagesOf(['task']),
    bindings: queueBinding(intentQueue('{intent}')),
  },
  tasks_of_agent: {
    address: agentQueue('{agent_id}'),
    title: 'The queue of one agent',
    description: `Declared with ${argumentsOf(queuesOfAgent('a'), agentQueue('a')).replaceAll('agent.a', 'agent.<agent_id>')}`,
    parameters: { agent_id: { description: 'The id that the agent registered with.' } },
    messages: messagesOf(['task']),
    bindings: queueBinding(agentQueue('{agent_id}')),
  },
  control: {
    address: '',
    title: 'Broadcasts to every instance of every service',
    messages: messagesOf(['control']),
    bindings: exchangeBinding(exchanges.control),
  },
  dead_letters: {
    address: deadLetterKeyOf('{queue}'),
    title: 'What can never be handled, with the reason in its headers',
    parameters: { queue: { description: 'The queue it died in.' } },
    messages: messagesOf(['dead_letter']),
    bindings: exchangeBinding(exchanges.deadLetters),
  },
})

const sent = { amqp: { deliveryMode: 2, mandatory: true, bindingVersion: '0.3.0' } }
const taken = { amqp: { ack: true, bindingVersion: '0.3.0' } }

const operations = (): Part => ({
  receive_commands: {
    action: 'receive',
    title: 'Take commands',
    channel: ref('channels/commands'),
    messages: inChannel('commands', publicCommands),
    bindings: { amqp: { ack: true, priority: 9, deliveryMode: 2, bindingVersion: '0.3.0' } },
    reply: {
      address: {
        location: '$message.header#/reply_to',
        description: 'Property `reply_to`; `correlation_id` comes back.',
      },
      channel: ref('channels/answers'),
      messages: inChannel('answers', ['command_answer']),
    },
  },
  send_events: {
    action: 'send',
    title: 'Publish events',
    channel: ref('channels/events'),
    messages: inChannel(
      'events',
      events.map(([, type]) => type),
    ),
    bindings: sent,
  },
  receive_events_of_others: {
    action: 'receive',
    title: 'Record events of others',
    channel: ref('channels/events_of_others'),
    messages: inChannel('events_of_others', otherTypes.map(ofOthers)),
    bindings: taken,
  },
  send_recorded_events_of_others: {
    action: 'send',
    title: 'Publish events of others once they are recorded',
    channel: ref('channels/recorded_events_of_others'),
    messages: inChannel('recorded_events_of_others', otherTypes.map(recordedOf)),
    bindings: sent,
  },
  send_tasks: {
    action: 'send',
    title: 'Hand out tasks; an agent answers with the command task.complete or task.fail',
    channel: ref('channels/tasks'),
    messages: inChannel('tasks', ['task']),
    bindings: sent,
  },
  receive_control: {
    action: 'receive',
    title: 'Pause and resume consumers, reload',
    channel: ref('channels/control'),
    messages: inChannel('control', ['control']),
  },
  send_dead_letters: {
    action: 'send',
    title: 'Put aside what can never be handled',
    channel: ref('channels/dead_letters'),
    messages: inChannel('dead_letters', ['dead_letter']),
    bindings: sent,
  },
  receive_dead_letters: {
    action: 'receive',
    title: 'Keep dead letters for triage',
    channel: ref('channels/dead_letters'),
    messages: inChannel('dead_letters', ['dead_letter']),
    bindings: taken,
  },
})

const text: Schema = { type: 'string' }
const time: Schema = { type: 'string', format: 'date-time' }
const object = (
  properties: Record<string, Schema | Part>,
  required = Object.keys(properties),
  more: Part = {},
): Part => ({
  type: 'object',
  properties,
  required,
  ...more,
})

const commandSchema = (type: CommandType): Part =>
  object(
    {
      command_id: { type: 'string', minLength: 1, maxLength: 128, description: 'The idempotency key.' },
      command_type: { const: type },
      command_version: { type: 'string', pattern: '^1\\.\\d{1,9}$', default: '1.0' },
      timestamp: time,
      source: { type: 'string', minLength: 1, maxLength: 255 },
      data: dataSchema(type),
      metadata: { type: 'object' },
    },
    ['data'],
    { additionalProperties: false },
  )

const eventSchema = (stored: StoredType, type: string): Part =>
  object({
    event_id: text,
    event_type: { const: type },
    event_version: { type: 'string', pattern: '^1\\.' },
    timestamp: time,
    source: text,
    data: eventSchemas[stored],
    metadata: object({
      correlation_id: text,
      causation_id: text,
      actor: object({ type: text, id: text }),
      stream: text,
      revision: { type: 'integer', minimum: 0 },
      position: { type: 'string', pattern: '^\\d{1,20}$' },
      schema_version: text,
    }),
  })

const schemaOfOthers = (type: string, place: Record<string, Schema> = {}): Part => {
  const { properties, required } = receivedEnvelope
  const { metadata } = properties
  const typed = receivedSchemas[type] ? { const: type } : { ...properties.event_type, example: 'notification.sent' }
  return object(
    {
      ...properties,
      event_type: typed,
      data: others[type]!,
      metadata: object({ ...metadata.properties, ...place }, [...metadata.required, ...Object.keys(place)]),
    },
    required,
  )
}

const place: Record<string, Schema> = {
  stream: { enum: receivedFamilies.map((family) => `received-${family}`) },
  revision: { type: 'integer', minimum: 0 },
  position: { type: 'string', pattern: '^\\d{1,20}$' },
}

const schemas = (): Part => ({
  ...Object.fromEntries(publicCommands.map((type) => [type, commandSchema(type)])),
  ...Object.fromEntries(events.map(([stored, type]) => [type, eventSchema(stored, type)])),
  ...Object.fromEntries(otherTypes.map((type) => [ofOthers(type), schemaOfOthers(type)])),
  ...Object.fromEntries(otherTypes.map((type) => [recordedOf(type), schemaOfOthers(type, place)])),
  command_answer: object({
    command_id: text,
    command_type: { type: ['string', 'null'] },
    status: { type: 'string', enum: ['accepted', 'rejected', 'failed'] },
    stream: { type: ['string', 'null'] },
    revision: { type: ['integer', 'null'] },
    events: { type: 'array', items: text },
    error: {
      type: ['object', 'null'],
      properties: { code: text, message: text, details: { type: 'array', items: { type: 'object' } } },
    },
  }),
  task: object({
    work_id: text,
    task_id: text,
    attempt: { type: 'integer', minimum: 1 },
    token: text,
    idempotency_key: text,
    intent: text,
    client_id: text,
    stage: { type: 'string', enum: ['sandbox', 'pilot', 'production'] },
    deadline: time,
    input: { type: 'object' },
    parameters: { type: 'object' },
    source_agent: object({ agent_id: text }),
    target_agent: { type: ['object', 'null'], properties: { agent_id: text } },
  }),
  control: controlSchema,
  command_headers: object({ 'idempotency-key': text, traceparent: text }, []),
  event_headers: object(
    {
      'schema-version': text,
      stream: text,
      revision: { type: 'integer', minimum: 0 },
      position: text,
      'partition-key': text,
      proof: { type: 'string', description: 'by which our own consumers know the relay; of no use to others' },
      traceparent: text,
    },
    ['stream', 'revision', 'position', 'partition-key', 'proof'],
  ),
  dead_letter_headers: object(
    {
      'x-dead-reason': {
        type: 'string',
        enum: ['malformed', 'expired', 'unsupported_version', 'attempts_used_up', 'poison'],
      },
      'x-dead-code': text,
      'x-dead-message': text,
      'x-dead-service': text,
      'x-dead-queue': text,
      'x-dead-attempts': { type: 'integer', minimum: 0 },
      'x-dead-first-at': time,
      'x-dead-last-at': time,
      'x-dead-original': text,
    },
    [],
  ),
})

const message = (name: string, title: string, headers?: string, headerExample?: Part): Part => ({
  name,
  title,
  contentType: 'application/json',
  ...(headers && { headers: ref(`components/schemas/${headers}`) }),
  payload: ref(`components/schemas/${name}`),
  bindings: { amqp: { messageType: name, bindingVersion: '0.3.0' } },
  examples: [
    {
      name: 'example',
      ...(headerExample && { headers: headerExample }),
      payload: exampleOf(schemas()[name] as Schema),
    },
  ],
})

const messages = (): Part => ({
  ...Object.fromEntries(publicCommands.map((type) => [type, message(type, `The command ${type}`, 'command_headers')])),
  ...Object.fromEntries(
    events.map(([, type]) => [type, message(type, `The event ${type}`, 'event_headers', eventHeaders)]),
  ),
  ...Object.fromEntries(
    otherTypes.flatMap((type) => {
      const what = type === 'any' ? 'An event of others of any other type' : `The event ${type} of others`
      return [
        [ofOthers(type), message(ofOthers(type), what)],
        [
          recordedOf(type),
          message(recordedOf(type), `${what}, once it is recorded`, 'event_headers', {
            ...eventHeaders,
            stream: 'received-agent',
            'partition-key': 'received-agent',
          }),
        ],
      ]
    }),
  ),
  command_answer: message('command_answer', 'What became of a command'),
  task: message('task', 'A task for an agent'),
  control: { ...message('control', 'A broadcast to the services'), examples: [controlExample] },
  dead_letter: {
    name: 'dead_letter',
    title: 'A message as it was, with the reason in its headers',
    headers: ref('components/schemas/dead_letter_headers'),
    payload: {},
  },
})

/** Only a `reload` may bring a level, so this has not every field. */
const controlExample: Part = {
  name: 'example',
  payload: { action: 'pause', services: ['projector'], reason: 'PostgreSQL is moved', actor: 'dana' },
}

const eventHeaders: Part = {
  'schema-version': '1.0',
  stream: 'journey-client-123',
  revision: 7,
  position: '18446',
  'partition-key': 'journey-client-123',
  proof: 'kz0b2kdnyM4O2qgNn4s4gQx1Y1tYvJ3bq0m0m5yA5tE=',
}
