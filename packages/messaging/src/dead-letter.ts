import { deadLetterKeyOf, deliveriesOf, exchanges, waitingQueueOf, type RetryStep } from '@journey/contracts'
import { codeOf } from '@journey/runtime'
import { RejectDelivery } from './consumer.js'
import {
  retryOriginalHeader,
  retryOriginalOf,
  type Headers,
  type Message,
  type Original,
  type Properties,
} from './message.js'
import type { Publisher } from './publisher.js'
import { retriedOf, withoutMark, type Retried } from './retried.js'
import { deadReasons, type DeadReason } from './verdict.js'

/** Header: tries made before the message went into a waiting queue. */
export const attemptsHeader = 'x-attempts'
/** Header: when its first try failed, ISO 8601. */
export const firstFailedHeader = 'x-first-failed-at'

/** What the reader of a dead letter asks first. */
export type DeadLetterCause = {
  reason: DeadReason
  code: string
  message: string
  service: string
  attempts: number
  firstAt: Date
  lastAt: Date
}

/** Enough for a sentence with its numbers; headers share one frame. */
const longestMessage = 1_000

/**
 * Publishes a message to its queue's dead letters, confirmed; acknowledge it after that. Body, properties and headers are kept,
 * except what would act a second time, which moves to `x-dead-original` (tried on 3.10.8: a kept `expiration` makes it vanish,
 * `user_id` be refused, `CC` be copied elsewhere, `x-death` be dropped as a cycle).
 *
 * @throws RejectDelivery when the headers fit no frame any more: the queue's own dead-letter exchange takes it as it is
 * @throws unavailable as `Publisher.publish`; safe to repeat: the message id stays
 */
export const deadLetter = async (publisher: Publisher, message: Message, cause: DeadLetterCause): Promise<void> => {
  const { properties, original } = stripped(message)
  const headers: Headers = {
    ...properties.headers,
    'x-dead-original': JSON.stringify(original),
    'x-dead-reason': cause.reason,
    'x-dead-code': cause.code,
    'x-dead-message': cause.message.slice(0, longestMessage),
    'x-dead-service': cause.service,
    'x-dead-queue': message.queue,
    'x-dead-attempts': cause.attempts,
    'x-dead-first-at': cause.firstAt.toISOString(),
    'x-dead-last-at': cause.lastAt.toISOString(),
  }
  await fitting(
    publisher.publish(exchanges.deadLetters.name, deadLetterKeyOf(message.queue), message.body, {
      ...properties,
      headers,
    }),
  )
}

/**
 * Publishes a message to a waiting queue, from where it comes back to its queue after the step's delay; acknowledge it after
 * that. It comes back with the exchange and routing key it had first, but without what would act a second time.
 *
 * @throws as `deadLetter`
 */
export const retryLater = async (
  publisher: Publisher,
  message: Message,
  step: RetryStep,
  failed: { attempts: number; firstAt: Date },
): Promise<void> => {
  const { properties, original } = stripped(message)
  const headers: Headers = {
    ...properties.headers,
    [retryOriginalHeader]: JSON.stringify(original),
    [attemptsHeader]: failed.attempts,
    [firstFailedHeader]: failed.firstAt.toISOString(),
  }
  const key = waitingQueueOf(message.queue, step)
  await fitting(publisher.publish(exchanges.retry.name, key, message.body, { ...properties, headers }))
}

/** Tries made before this delivery, and when the first failed. */
export const failuresBefore = ({ headers }: Properties): { attempts: number; firstAt: Date | undefined } => {
  const attempts = headers[attemptsHeader]
  const firstAt = dateOf(headers[firstFailedHeader])
  return { attempts: typeof attempts === 'number' && attempts > 0 ? Math.trunc(attempts) : 0, firstAt }
}

const fitting = async (publishing: Promise<void>): Promise<void> => {
  try {
    await publishing
  } catch (error) {
    if (codeOf(error) === 'message/headers_too_large') throw new RejectDelivery(undefined, { cause: error })
    throw error
  }
}

/** Headers of the broker's or ours that speak of this passage of the message only. */
const isOfThisPassage = (name: string): boolean =>
  name === retryOriginalHeader ||
  name === attemptsHeader ||
  name === firstFailedHeader ||
  name === 'x-delivery-count' ||
  /^x-(death|dead-(?!letter-)|first-death-|last-death-)/.test(name)

const stripped = (message: Message): { properties: Properties; original: Original } => {
  const { headers, expiration, userId, ...properties } = message.properties
  const { CC, BCC, ...rest } = headers
  const kept = Object.fromEntries(Object.entries(rest).filter(([name]) => !isOfThisPassage(name)))
  const own = { expiration, user_id: userId, CC, BCC, 'x-death': headers['x-death'] }
  const original: Original = {
    ...retryOriginalOf(headers),
    exchange: message.exchange,
    routing_key: message.routingKey,
    ...(properties.messageId === undefined && { message_id: null }),
    ...(Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as Partial<Original>),
  }
  return { properties: { ...properties, headers: kept }, original }
}

/** A message found in a dead-letter queue, with what is known of its end. */
export type DeadLetter = DeadLetterCause & {
  /** The queue it died in. */
  queue: string
  original: Original
  /** The dead letter's own message id, which tells it from every other; undefined when the broker's letter has none. */
  deathId: string | undefined
  body: Buffer
  /** Set when it was a dead letter before: which one, and which of its retries has died. */
  retried: Retried | undefined
  /** As it was published first, as far as known; without the headers that speak of its deaths. */
  properties: Properties
}

/**
 * Reads a dead letter: ours tells everything itself, in `x-dead-…`; from the broker's own `x-death` the rest is derived. Where
 * both stand, the broker's word is the later one.
 *
 * A dead letter of no known make (published by hand) is `malformed`, code `message/unknown_death`.
 */
export const readDeadLetter = (message: Message, now: Date): DeadLetter => {
  const { headers } = message.properties
  const deaths = headers['x-death']
  const death = Array.isArray(deaths) ? (deaths[0] as Death | undefined) : undefined
  return death ? byBroker(message, death, now) : byService(message, now)
}

type Death = {
  reason?: unknown
  queue?: unknown
  exchange?: unknown
  'routing-keys'?: unknown
  count?: unknown
  time?: { value?: unknown }
  'original-expiration'?: unknown
}

const brokerReasons: Record<string, { reason: DeadReason; code: string; message: string }> = {
  expired: { reason: 'expired', code: 'message/expired', message: 'Nobody took it before its time to live ran out.' },
  rejected: { reason: 'malformed', code: 'message/rejected', message: 'Its consumer rejected it without a word.' },
  delivery_limit: {
    reason: 'poison',
    code: 'message/poison',
    message: 'It came back to its queue more often than the delivery limit allows.',
  },
  maxlen: { reason: 'attempts_used_up', code: 'message/queue_full', message: 'Its queue was full.' },
}

const unknownDeath = {
  reason: 'malformed',
  code: 'message/unknown_death',
  message: 'Nothing says why it is here.',
} as const

const byBroker = (message: Message, death: Death, now: Date): DeadLetter => {
  const { properties, original } = stripped(message)
  const at = typeof death.time?.value === 'number' ? new Date(death.time.value * 1000) : now
  const before = failuresBefore(message.properties)
  const expiration = textOf(death['original-expiration'])
  const first = retryOriginalOf(message.properties.headers)
  return {
    ...(brokerReasons[textOf(death.reason) ?? ''] ?? unknownDeath),
    service: 'broker',
    queue: textOf(death.queue) ?? '',
    attempts: before.attempts + deliveriesBefore(message, death),
    firstAt: before.firstAt ?? at,
    lastAt: at,
    original: {
      ...original,
      exchange: first?.exchange ?? textOf(death.exchange) ?? original.exchange,
      routing_key:
        first?.routing_key ?? textOf((death['routing-keys'] as unknown[] | undefined)?.[0]) ?? original.routing_key,
      ...(expiration === undefined ? {} : { expiration }),
    },
    deathId: message.properties.messageId,
    body: message.body,
    retried: retriedOf(message.properties.headers),
    properties: asFirstPublished(properties, { ...first, ...original }),
  }
}

/** How often somebody had it in hand; of what was given up for coming back too often at least once, where nothing says it. */
const deliveriesBefore = ({ properties: { headers } }: Message, { reason, queue }: Death): number => {
  const returned = headers['x-delivery-count'] // quorum queues alone count, and not every version tells it here
  const times = typeof returned === 'number' && returned > 0 ? Math.trunc(returned) : 0
  if (reason === 'delivery_limit') return times || (deliveriesOf(textOf(queue) ?? '') ?? 1)
  return reason === 'rejected' ? times + 1 : times
}

const byService = (message: Message, now: Date): DeadLetter => {
  const { headers } = message.properties
  const original = originalIn(headers) ?? { exchange: message.exchange, routing_key: message.routingKey }
  const lastAt = dateOf(headers['x-dead-last-at']) ?? now
  const attempts = headers['x-dead-attempts']
  return {
    reason: deadReasons.find((reason) => reason === headers['x-dead-reason']) ?? unknownDeath.reason,
    code: textOf(headers['x-dead-code']) ?? unknownDeath.code,
    message: textOf(headers['x-dead-message']) ?? unknownDeath.message,
    service: textOf(headers['x-dead-service']) ?? 'unknown',
    queue: textOf(headers['x-dead-queue']) ?? message.queue.replace(/\.dlq$/, ''),
    attempts: typeof attempts === 'number' ? attempts : 0,
    firstAt: dateOf(headers['x-dead-first-at']) ?? lastAt,
    lastAt,
    original,
    deathId: message.properties.messageId,
    body: message.body,
    retried: retriedOf(headers),
    properties: asFirstPublished(stripped(message).properties, original),
  }
}

/** Without the message id that a publishing of ours gave it, and without the mark of a retry. */
const asFirstPublished = ({ messageId, headers, ...rest }: Properties, { message_id }: Original): Properties => {
  const properties = { ...rest, headers: withoutMark(headers) }
  return message_id === null || messageId === undefined ? properties : { ...properties, messageId }
}

const originalIn = (headers: Headers): Original | undefined =>
  retryOriginalOf({ [retryOriginalHeader]: headers['x-dead-original'] })

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const dateOf = (value: unknown): Date | undefined => {
  const date = typeof value === 'string' ? new Date(value) : undefined
  return date && !Number.isNaN(date.getTime()) ? date : undefined
}
