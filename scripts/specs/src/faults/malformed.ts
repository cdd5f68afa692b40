import type { Options } from 'amqplib'
import { randomBytes, randomUUID } from 'node:crypto'

export type Rubbish = { key: string; body: Buffer; properties: Options.Publish }

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

/** So many messages for the queue of commands that no reader can make sense of. */
export function* malformedMessages(count: number): Generator<Rubbish> {
  for (let n = 0; n < count; n++) {
    const body = ways[n % ways.length]!(n)
    const key = n % 5 === 0 ? 'no.such.command' : 'journey.hold'
    yield {
      key,
      body: typeof body === 'string' ? Buffer.from(body) : body,
      properties: { persistent: true, contentType: 'application/json', headers: n % 7 === 0 ? { 'x-odd': n } : {} },
    }
  }
}
