import { silentLog } from '@journey/runtime'
import type { Message, Properties } from '../message.js'

/** A delivery as handlers see it, for specs without a broker. */
export const messageOf = (
  given: Partial<Omit<Message, 'properties'>> & { properties?: Partial<Properties> },
): Message => ({
  body: Buffer.from('{}'),
  exchange: 'journey.commands',
  routingKey: 'journey.start',
  queue: 'command-handler.commands',
  redelivered: false,
  receivedAt: performance.now(),
  signal: new AbortController().signal,
  log: silentLog(),
  ...given,
  properties: { headers: {}, ...given.properties },
})
