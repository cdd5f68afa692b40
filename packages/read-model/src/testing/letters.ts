import type { Letter } from '../dead-letters/keep.js'

/** A dead letter as it is read off a queue: an event that the notifier could not read. */
export const letterOf = (over: Partial<Letter> = {}): Letter => ({
  queue: 'notifier.events',
  reason: 'malformed',
  code: 'json/unreadable',
  message: 'The body is not JSON',
  service: 'notifier',
  attempts: 1,
  firstAt: new Date('2026-01-27T10:00:00Z'),
  lastAt: new Date('2026-01-27T10:00:00Z'),
  body: Buffer.from('{"event_type":"journey.started","data":{"client_id":"client-1"}}'),
  original: { exchange: 'journey.events', routing_key: 'journey.started' },
  deathId: 'm-1',
  retried: undefined,
  properties: { messageId: 'm-1', headers: {} },
  ...over,
})
