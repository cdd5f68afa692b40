import type { Log } from '@journey/runtime'
import type { Message as Delivered, MessageProperties } from 'amqplib'

/** Header values as AMQP tables carry them; nested tables and arrays included. */
export type Headers = Readonly<Record<string, unknown>>

/** The properties of a message, those of AMQP 0-9-1 under their usual names. */
export type Properties = {
  readonly messageId?: string
  readonly correlationId?: string
  readonly replyTo?: string
  readonly type?: string
  /** Whole seconds since 1970, as AMQP counts. */
  readonly timestamp?: number
  /** 0 to 9, 9 first. */
  readonly priority?: number
  /** Milliseconds to live, as decimal text. */
  readonly expiration?: string
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly userId?: string
  readonly appId?: string
  readonly headers: Headers
}

/**
 * What became of a message; `settle` says so, `observe` counts it. `duplicate` is handled too: its handler found that it had
 * come before, by its idempotency key, and says so itself.
 */
export type Fate = 'handled' | 'duplicate' | 'refused' | 'retried_later' | 'dead_lettered'

/** One delivery of a message. */
export type Message = {
  readonly body: Buffer
  /** Where it was first published to, retries through waiting queues notwithstanding. */
  readonly exchange: string
  readonly routingKey: string
  /** The queue it was taken from. */
  readonly queue: string
  /** When it came to this process, in milliseconds on the clock of `performance.now()`, which never jumps. */
  readonly receivedAt: number
  /** Delivered before, to this or another consumer, and not acknowledged then. */
  readonly redelivered: boolean
  readonly properties: Properties
  /** Aborted when waiting makes no sense any more: the channel is gone or the consumer stops. The broker delivers it again. */
  readonly signal: AbortSignal
  /** Bound to the message by `correlate`. */
  log: Log
  /** Set by `settle`, `duplicate` by the handler. */
  fate?: Fate
  /** How often its handling ended with the death of the process, where `stopPoison` knows of it, and since when. */
  deaths?: { readonly times: number; readonly firstAt: Date }
}

/** The header that keeps what a message lost on its way through a waiting queue, as JSON: see `Original`. */
export const retryOriginalHeader = 'x-retry-original'

/** Where a message came from and the properties that would act a second time when it is published again. */
export type Original = {
  exchange: string
  routing_key: string
  /** Null when it had none: the one it carries since was drawn for the publishing. */
  message_id?: null
  expiration?: string
  user_id?: string
  CC?: unknown
  BCC?: unknown
  'x-death'?: unknown
}

/** The original a waiting queue's message carries, if it is one. */
export const retryOriginalOf = (headers: Headers): Original | undefined => {
  const text = headers[retryOriginalHeader]
  if (typeof text !== 'string') return undefined
  try {
    const parsed = JSON.parse(text) as Partial<Original> | null
    return typeof parsed?.exchange === 'string' && typeof parsed.routing_key === 'string'
      ? (parsed as Original)
      : undefined
  } catch {
    return undefined // somebody else's header of the same name
  }
}

/** amqplib's delivery as our message. */
export const toMessage = (
  delivery: Delivered,
  context: { queue: string; retryExchange: string; signal: AbortSignal; log: Log },
): Message => {
  const { fields, properties, content } = delivery
  // The retry exchange is for inside use, so its word on where a message came from is believed; nobody else's is.
  const original = fields.exchange === context.retryExchange ? retryOriginalOf(properties.headers ?? {}) : undefined
  return {
    body: content,
    exchange: original?.exchange ?? fields.exchange,
    routingKey: original?.routing_key ?? fields.routingKey,
    queue: context.queue,
    redelivered: fields.redelivered,
    properties: propertiesOf(properties),
    receivedAt: performance.now(),
    signal: context.signal,
    log: context.log,
  }
}

const names = [
  'messageId',
  'correlationId',
  'replyTo',
  'type',
  'timestamp',
  'priority',
  'expiration',
  'contentType',
  'contentEncoding',
  'userId',
  'appId',
] as const satisfies (keyof Properties)[]

/** amqplib sets absent properties to undefined; ours are absent. */
const propertiesOf = (given: MessageProperties): Properties => {
  const properties: Record<string, unknown> & { headers: Headers } = { headers: given.headers ?? {} }
  for (const name of names) if (given[name] !== undefined) properties[name] = given[name]
  return properties
}
