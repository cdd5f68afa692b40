import { malformed } from '@journey/runtime'
import type { Options } from 'amqplib'
import { randomUUID } from 'node:crypto'
import type { Headers, Properties } from './message.js'

/** What a publisher may say of a message; `messageId` becomes a random UUID when left out. */
export type PublishProperties = Partial<Properties>

/** RabbitMQ 4 takes no larger message by default; 3.x would close the channel for other reasons first. */
export const largestBodyBytes = 16 * 1024 * 1024

/** A property is a short string: longer ones do not fit AMQP's frames. */
export const longestPropertyBytes = 255

/**
 * Ours as amqplib's, with the defaults of the house: persistent, JSON. A correlation id that fits no property is left out; it stands in the body.
 *
 * @throws malformed `message/too_large`
 */
export const publishOptions = (
  body: Buffer,
  { headers, correlationId, ...properties }: PublishProperties,
  mandatory: boolean,
): Options.Publish & { messageId: string } => {
  if (body.length > largestBodyBytes)
    throw malformed(
      'message/too_large',
      `The body has ${body.length} bytes; the broker takes ${largestBodyBytes}. Send a reference instead.`,
    )
  return {
    contentType: 'application/json',
    messageId: randomUUID(),
    ...properties,
    ...(correlationId !== undefined && Buffer.byteLength(correlationId) <= longestPropertyBytes && { correlationId }),
    headers: headers === undefined ? {} : defined(headers),
    persistent: true,
    mandatory,
  }
}

const defined = (headers: Headers): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))

/** amqplib 2.3.1 encodes headers into 64 KiB and throws a RangeError beyond. */
export const headersTooLarge = (error: unknown) =>
  error instanceof RangeError
    ? malformed('message/headers_too_large', 'The headers take more than 64 KiB; put what is large into the body.')
    : undefined
