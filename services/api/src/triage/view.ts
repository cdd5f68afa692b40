import type { JsonObject } from '@journey/domain'
import {
  parkedId,
  type DeadLetterAction,
  type DeadLetterJob,
  type DeadLetterRow,
  type ParkedStream,
} from '@journey/read-model'

/** Bytes as a reader can use them best. */
export type Content = { encoding: 'json' | 'text' | 'base64'; size: number; content: unknown }

export const contentOf = (bytes: Buffer): Content => {
  const size = bytes.length
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return { encoding: 'base64', size, content: bytes.toString('base64') }
  }
  try {
    return { encoding: 'json', size, content: JSON.parse(text) }
  } catch {
    return { encoding: 'text', size, content: text }
  }
}

/** A message that died, whole: what it was, the way it took, and what was tried since. */
export const messageView = ({ row, actions }: { row: DeadLetterRow; actions: readonly DeadLetterAction[] }) => {
  const { body, edited_body, headers, exchange, routing_key, signature, tries, published_at: _, ...rest } = row
  const { 'x-dead-original': original, ...own } = headers
  return {
    ...rest,
    kind: 'message' as const,
    group: signature,
    path: {
      exchange,
      routing_key,
      queue: row.queue,
      x_death: (original as JsonObject | undefined)?.['x-death'] ?? [],
    },
    headers: own,
    original: original ?? null,
    body: contentOf(body),
    edited_body: edited_body && contentOf(edited_body),
    stream: null,
    tries,
    actions: actions.map(actionView),
  }
}

/** The same shape for a stream that was put aside; its events are in the event store. */
export const streamView = ({ row, actions }: { row: ParkedStream; actions: readonly DeadLetterAction[] }) => ({
  id: parkedId(row.stream),
  kind: 'stream' as const,
  state: row.discarded_at === null ? ('open' as const) : ('discarded' as const),
  queue: row.consumer,
  reason: row.code === 'projection/poison' ? 'poison' : 'parked',
  code: row.code,
  message: row.message,
  attempts: row.attempts,
  first_at: row.parked_at,
  last_at: row.parked_at,
  closed_at: row.discarded_at,
  stream: {
    name: row.stream,
    first_revision: row.first_revision,
    last_seen: row.last_seen,
    waits_for: row.waits_for_stream,
  },
  body: null,
  tries: [],
  actions: actions.map(actionView),
})

const actionView = ({ action, actor, reason, details, at }: DeadLetterAction) => ({
  action,
  actor,
  reason,
  details,
  at,
})

export const jobView = ({ total, done, resolved, failed, skipped, ...job }: DeadLetterJob) => ({
  ...job,
  progress: { done, total, resolved, failed, skipped },
})
