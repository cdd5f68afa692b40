import type { Options } from 'amqplib'
import { randomBytes, randomUUID } from 'node:crypto'

export type Rubbish = { exchange: string; key: string; body: Buffer; properties: Options.Publish }

/** Ways to be unreadable. Each is given a number, so that no two messages are alike. */
const ways: ((n: number) => Buffer | string)[] = [
  () => randomBytes(64),
  () => '',
  () => '{',
  (n) => `{"command_id":"${randomUUID()}","command_type":"journey.hold","data":{"client_id":"nobody-${n}"`,
  (n) => '['.repeat(10_000 + (n % 100)),
  (n) => `{"a":`.repeat(2_000) + String(n) + '}'.repeat(2_000),
  (n) =>
    `{"command_id":"bomb-${n}","data":{${Array.from({ length: 500 }, (_, k) => `"k${k}":"${'x'.repeat(20)}"`).join(',')}}}`,
  (n) =>
    Buffer.concat([
      Buffer.from(`{"command_id":"utf-${n}","source":"`),
      Buffer.from([0xc3, 0x28, 0xff]),
      Buffer.from('"}'),
    ]),
  (n) =>
    `{"command_id":"number-${n}","command_type":"agent.heartbeat","data":{"agent_id":"a","active_tasks":1e999999}}`,
  (n) =>
    `{"command_id":"digits-${n}","command_type":"agent.heartbeat","data":{"agent_id":"a","active_tasks":${'9'.repeat(5_000)}}}`,
  (n) =>
    `{"command_id":"proto-${n}","command_type":"journey.hold","data":{"__proto__":{"client_id":"x"},"reason":"r"}}`,
  (n) =>
    `{"command_id":"constructor-${n}","command_type":"journey.hold","data":{"client_id":"x","reason":"r","constructor":1}}`,
  (n) => `{"command_id":"nul-${n}","command_type":"journey.hold","data":{"client_id":"x","reason":"\\u0000"}}`,
  (n) => `{"command_id":"surrogate-${n}","command_type":"journey.hold","data":{"client_id":"x","reason":"\\ud800"}}`,
  (n) => `{"command_id":"version-${n}","command_type":"journey.hold","command_version":"9.0","data":{}}`,
  (n) => `"text ${n}"`,
]

/** The queues besides that of commands; each message makes one dead letter of one of them. */
const queues = [
  ...['projector.events.0', 'projector.events.1', 'projector.events.2', 'projector.events.3'],
  ...['saga-processor.events', 'notifier.events', 'notifier.replays'],
  ...['agent.events', 'knowledge.events', 'pattern.events', 'notification.events'],
  'tasks.provision_sandbox_environment',
]

/** An event that could be ours, and is in no stream. */
const forged = (n: number): string =>
  JSON.stringify({
    event_id: randomUUID(),
    event_type: 'journey.stage_promoted',
    event_version: '1.0',
    timestamp: new Date().toISOString(),
    source: 'a stranger',
    data: { client_id: `forged-${n}`, episode: 1, from_stage: 'sandbox', to_stage: 'pilot', visit: 1, reason: 'a lie' },
    metadata: { stream: `journey-forged-${n}`, revision: n % 3, position: String(n) },
  })

/**
 * Messages that no reader can make sense of, from one number up to another: half of them for the queue of commands, half straight
 * into the other queues, where every other one is a forged event.
 */
export function* malformedMessages(from: number, to: number): Generator<Rubbish> {
  for (let n = from; n < to; n++) {
    const isCommand = n % 2 === 0
    const body = !isCommand && n % 4 === 1 ? forged(n) : ways[(n >> 2) % ways.length]!(n)
    const commandKey = n % 5 === 0 ? 'no.such.command' : 'journey.hold'
    yield {
      exchange: isCommand ? 'journey.commands' : '',
      key: isCommand ? commandKey : queues[(n >> 1) % queues.length]!,
      body: typeof body === 'string' ? Buffer.from(body) : body,
      properties: { persistent: true, contentType: 'application/json', headers: n % 7 === 0 ? { 'x-odd': n } : {} },
    }
  }
}
