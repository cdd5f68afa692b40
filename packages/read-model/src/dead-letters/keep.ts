import { createHash, randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { CommandAnswer } from '@journey/contracts'
import type { JsonObject } from '@journey/domain'
import { settle } from '../commands/outcomes.js'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'

/** A dead letter as the messaging adapter reads it off a queue; only what the table keeps. */
export type Letter = {
  queue: string
  reason: string
  code: string
  message: string
  service: string
  attempts: number
  firstAt: Date
  lastAt: Date
  body: Buffer
  original: { exchange: string; routing_key: string }
  /** Tells this dead letter from every other; undefined where nothing does. */
  deathId: string | undefined
  properties: { messageId?: string; type?: string; headers: Readonly<Record<string, unknown>> }
}

/**
 * Keeps a dead letter and the end of the command in it, in one transaction; acknowledge it after that. A delivery repeated
 * after a crash finds its row by queue, body and moment of death, and adds none.
 */
export const keepDeadLetter = async (
  db: Kysely<Tables>,
  letter: Letter,
  of: { commandId: string | undefined; commandType: string | null; clientId: string | undefined },
  failed: CommandAnswer | undefined,
): Promise<void> => {
  const { headers, ...properties } = letter.properties
  await db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('dead_letters')
      .values({
        id: idOf(letter),
        queue: letter.queue,
        exchange: letter.original.exchange,
        routing_key: letter.original.routing_key,
        message_id: letter.properties.messageId ?? null,
        type: of.commandType ?? letter.properties.type ?? null,
        body: letter.body,
        properties: json(storable(properties) as JsonObject),
        headers: json(storable({ ...headers, 'x-dead-original': letter.original }) as JsonObject),
        reason: letter.reason,
        code: letter.code,
        message: textOf(letter.message),
        service: letter.service,
        attempts: letter.attempts,
        client_id: of.clientId ?? null,
        command_id: of.commandId ?? null,
        first_at: letter.firstAt.toISOString(),
        last_at: letter.lastAt.toISOString(),
        signature: signatureOf(letter),
        state: 'open',
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
    if (failed) await settle(transaction, failed)
  })
}

/** Equal for the same death of the same message, so that a repeat adds nothing. Without a message id none can be told from another. */
const idOf = ({ queue, body, lastAt, deathId }: Letter): string => {
  if (deathId === undefined) return randomUUID()
  const hash = createHash('sha256').update(`${queue}\0${deathId}\0${lastAt.toISOString()}\0`).update(body).digest('hex')
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-5${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

/** One for all dead letters of one cause: code and message without what differs from case to case. */
const signatureOf = ({ code, message, queue }: Letter): string => {
  const normalised = message
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<id>')
    .replace(/\d+/g, '<n>')
  return createHash('sha256').update(`${queue}\0${code}\0${normalised}`).digest('hex').slice(0, 16)
}

/** JSONB takes no NUL and no half surrogate pair. */
const textOf = (text: string): string =>
  text.replace(/\0/g, '\uFFFD').replace(/[\uD800-\uDFFF](?![\uDC00-\uDFFF])/g, '\uFFFD')

const storable = (value: unknown): unknown => {
  if (typeof value === 'string') return textOf(value)
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') }
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [textOf(key), storable(inner)]))
  return value
}
