import type { Fate, Headers, Message } from './message.js'
import type { Middleware } from './pipeline.js'

const idHeader = 'x-dead-letter-id'
const retryHeader = 'x-dead-letter-retry'

/** Which dead letter a message was, and the how manieth of its retries it is. */
export type Retried = { id: string; retry: number }

/** The headers that a retried dead letter carries on its way, waiting queues and another death included. */
export const retryMark = ({ id, retry }: Retried): Headers => ({ [idHeader]: id, [retryHeader]: retry })

/** The mark that a message carries, if it does. Anyone can write one, so it is a question to the table and no order. */
export const retriedOf = (headers: Headers): Retried | undefined => {
  const { [idHeader]: id, [retryHeader]: retry } = headers
  return typeof id === 'string' && uuid.test(id) && typeof retry === 'number' && Number.isInteger(retry)
    ? { id, retry }
    : undefined
}

/** Headers without the mark. */
export const withoutMark = (headers: Headers): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name !== idHeader && name !== retryHeader))

/**
 * Tells when a retried dead letter is settled: handled or refused, after the fact. Belongs outside of `settle`. While it cannot
 * be told the message stays unacknowledged and is handled again.
 */
export const closeRetried =
  (close: (retried: Retried, message: Message) => Promise<void>): Middleware =>
  (next) =>
  async (message) => {
    await next(message)
    const retried = retriedOf(message.properties.headers)
    if (retried && message.fate && settled.has(message.fate)) await close(retried, message)
  }

const settled: ReadonlySet<Fate> = new Set(['handled', 'duplicate', 'refused'])

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
