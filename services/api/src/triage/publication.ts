import { bucketKey, bucketOf, commandQueue, exchanges, projectorQueueNumber } from '@journey/contracts'
import { retryMark, type PublishProperties } from '@journey/messaging'
import type { Retry } from '@journey/read-model'

/** A retry as it is published. */
export type Publication = { exchange: string; key: string; body: Buffer; properties: PublishProperties }

/**
 * A dead letter on its way back to where it died: a command by the exchange it came from, an event of the projector by its bucket
 * (its queue may be gone: their number changes), everything else straight to its queue, so that no other consumer sees it again. What would act a second time stays behind, and the mark of the retry goes along.
 */
export const publicationOf = (retry: Retry): Publication => {
  const { 'x-dead-original': _, ...headers } = retry.headers
  const properties = { ...retry.properties } as PublishProperties
  return {
    ...destinationOf(retry),
    body: retry.body,
    properties: {
      ...properties,
      // Drawn anew it would be another one at every publishing, and a command without an id of its own would act twice.
      messageId: (retry.isEdited ? retry.command_id : retry.message_id) ?? retry.id,
      ...(retry.isEdited && { contentType: 'application/json', ...(retry.type !== null && { type: retry.type }) }),
      headers: { ...(revived(headers) as object), ...retryMark(retry) },
    },
  }
}

const destinationOf = (retry: Retry): { exchange: string; key: string } => {
  const { queue, exchange, routing_key, type, isEdited, headers } = retry
  const group = headers['partition-key']
  if (projectorQueueNumber(queue) !== undefined && typeof group === 'string')
    return { exchange: exchanges.received.name, key: bucketKey(bucketOf(group)) }
  if (queue !== commandQueue || exchange !== exchanges.commands.name) return { exchange: '', key: queue }
  return { exchange, key: (isEdited ? type : routing_key) ?? '' }
}

/** Bytes in headers, which the table keeps as base64. */
const revived = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(revived)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first?.[0] === 'base64' && typeof first[1] === 'string')
    return Buffer.from(first[1], 'base64')
  return Object.fromEntries(entries.map(([name, inner]) => [name, revived(inner)]))
}
