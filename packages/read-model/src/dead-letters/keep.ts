import { createHash, randomUUID } from 'node:crypto'
import { sql, type Kysely, type Transaction } from 'kysely'
import { commandQueue, exchanges, type CommandAnswer } from '@journey/contracts'
import { journeyStream, type JsonObject } from '@journey/domain'
import { inBatches } from '@journey/runtime'
import { settleAll } from '../commands/outcomes.js'
import { json } from '../columns.js'
import { sealRow, sealRows } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'
import { remainsOf } from './remains.js'
import { normalised } from './signature.js'
import type { DeadLetterRow, DeadLetterTry } from './table.js'

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
  /** Set when it was a dead letter before, and was retried. */
  retried: { id: string; retry: number } | undefined
  properties: { messageId?: string; type?: string; headers: Readonly<Record<string, unknown>> }
}

/** What the owner of the commands knows of the command in a dead letter, and how it ended. */
export type DeadCommand = { id: string | undefined; type: string | null; failed: CommandAnswer | undefined }

/**
 * Keeps a dead letter and the end of the command in it, in one transaction; acknowledge it after that. One that was retried is
 * open again in its own row. A delivery repeated after a crash changes nothing: a first death is known by queue, body and
 * moment, a later one by the retry that it ends.
 */
export const keepDeadLetter = (db: Kysely<Tables>, letter: Letter, command?: DeadCommand): Promise<void> =>
  keepAll(db, [{ letter, command }])

/**
 * As `keepDeadLetter`; letters that come at about the same time share a transaction, so that a flood of them takes few commits.
 *
 * @param most how many share one
 */
export const createKeepDeadLetter = (
  db: Kysely<Tables>,
  most = 50,
): ((letter: Letter, command?: DeadCommand) => Promise<void>) => {
  const keep = inBatches<Kept & { key: string }>({ most, keyOf: ({ key }) => key }, async (kept) => {
    await keepAll(db, kept)
    return []
  })
  return (letter, command) => keep({ letter, command, key: command?.failed?.command_id ?? idOf(letter) })
}

type Kept = { letter: Letter; command: DeadCommand | undefined }

const keepAll = (db: Kysely<Tables>, kept: readonly Kept[]): Promise<void> =>
  db.transaction().execute(async (transaction) => {
    const first: Kept[] = []
    for (const one of kept) if (!(await keepAgain(transaction, one.letter))) first.push(one)
    if (first.length > 0) await keepFirst(transaction, first)
    const failed = kept.flatMap(({ letter, command }) => {
      if (!command?.failed) return []
      const { clientId } = remainsOf(letter.body)
      return { ...command.failed, about: clientId === undefined ? null : journeyStream(clientId) }
    })
    if (failed.length > 0) await settleAll(transaction, failed)
  })

const keepFirst = async (transaction: Transaction<Tables>, kept: readonly Kept[]): Promise<void> => {
  const clients = await clientsOf(transaction, kept)
  const rows = await sealRows(
    transaction,
    'dead_letters',
    kept.map((one) => rowOf(one, clients)),
  )
  await transaction
    .insertInto('dead_letters')
    .values(rows.map((row) => ({ ...row, properties: json(row.properties), headers: json(row.headers) })))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}

/** Whose the units of work are that commands name without their client; those that are not known yet are nobody's. */
const clientsOf = async (transaction: Transaction<Tables>, kept: readonly Kept[]): Promise<Map<string, string>> => {
  const works = kept.flatMap(({ letter }) => workWithoutClient(letter) ?? [])
  if (works.length === 0) return new Map()
  const rows = await transaction
    .selectFrom('unit_of_works')
    .select(['work_id', 'client_id'])
    .where('work_id', '=', sql<string>`any(${works}::text[])`)
    .execute()
  return new Map(rows.map(({ work_id, client_id }) => [work_id, client_id]))
}

/** Of commands alone: what others say is theirs, whatever it names. */
const workWithoutClient = ({ queue, body }: Letter): string | undefined => {
  if (queue !== commandQueue) return undefined
  const { clientId, workId } = remainsOf(body)
  return clientId === undefined ? workId : undefined
}

/** Events are published under their type, so an unreadable one is found by it, too. */
const keyOfEvent = ({ original: { exchange, routing_key: key } }: Letter): string | undefined =>
  exchange === exchanges.events.name ? key : undefined

const rowOf = ({ letter, command }: Kept, clients: ReadonlyMap<string, string>) => {
  const { headers, ...properties } = letter.properties
  const remains = remainsOf(letter.body)
  const work = workWithoutClient(letter)
  return {
    id: idOf(letter),
    queue: textOf(letter.queue),
    exchange: textOf(letter.original.exchange),
    routing_key: textOf(letter.original.routing_key),
    message_id: textOrNull(letter.properties.messageId),
    type: textOrNull(command?.type ?? letter.properties.type ?? remains.type ?? keyOfEvent(letter)),
    body: letter.body,
    properties: storable(properties) as JsonObject,
    headers: storable({ ...headers, 'x-dead-original': letter.original }) as JsonObject,
    reason: letter.reason,
    code: textOf(letter.code),
    message: textOf(letter.message),
    service: textOf(letter.service),
    attempts: letter.attempts,
    client_id: remains.clientId ?? (work === undefined ? null : (clients.get(work) ?? null)),
    command_id: command?.id ?? null,
    first_at: letter.firstAt.toISOString(),
    last_at: letter.lastAt.toISOString(),
    signature: signatureOf(letter),
    state: 'open' as const,
  }
}

/** A retry that died again; false when the mark names no dead letter of this queue. */
const keepAgain = async (transaction: Transaction<Tables>, letter: Letter): Promise<boolean> => {
  const { retried } = letter
  if (!retried) return false
  const row = await transaction
    .selectFrom('dead_letters')
    .selectAll()
    .where('id', '=', retried.id)
    .where('queue', '=', letter.queue)
    .where('retries', '>=', retried.retry)
    .forUpdate()
    .executeTakeFirst()
  if (!row) return false
  if (row.state !== 'retrying' || row.retries !== retried.retry) return true // this end is known already
  const before: DeadLetterTry = {
    retry: row.retries - 1,
    reason: row.reason,
    code: row.code,
    message: row.message,
    service: row.service,
    at: row.last_at,
  }
  const again = await sealRow(transaction, 'dead_letters', {
    ...row,
    message: textOf(letter.message),
    tries: [...row.tries, before],
  })
  await transaction
    .updateTable('dead_letters')
    .set({
      reason: letter.reason,
      code: letter.code,
      ...sealedColumns(again),
      service: letter.service,
      attempts: sql`attempts + ${letter.attempts}`,
      last_at: letter.lastAt.toISOString(),
      signature: signatureOf(letter),
      state: 'open',
    })
    .where('id', '=', row.id)
    .execute()
  return true
}

/** What is written anew when something of a row's content changes, as it is sealed together. */
export const sealedColumns = ({
  body,
  edited_body,
  properties,
  headers,
  message,
  tries,
  sealed,
}: DeadLetterRow & { sealed: Buffer | null }) => ({
  body,
  edited_body,
  properties: json(properties),
  headers: json(headers),
  message,
  tries: json(tries),
  sealed,
})

/** Equal for the same death of the same message, so that a repeat adds nothing. Without a message id none can be told from another. */
const idOf = ({ queue, body, lastAt, deathId }: Letter): string => {
  if (deathId === undefined) return randomUUID()
  const hash = createHash('sha256').update(`${queue}\0${deathId}\0${lastAt.toISOString()}\0`).update(body).digest('hex')
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-5${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

const signatureOf = ({ code, message, queue }: Letter): string =>
  createHash('sha256')
    .update(`${queue}\0${code}\0${normalised(message)}`)
    .digest('hex')
    .slice(0, 16)

/** JSONB takes no NUL and no half surrogate pair. */
const textOf = (text: string): string =>
  text.replace(/\0/g, '\uFFFD').replace(/[\uD800-\uDFFF](?![\uDC00-\uDFFF])/g, '\uFFFD')

const textOrNull = (text: string | null | undefined): string | null => (text == null ? null : textOf(text))

const storable = (value: unknown): unknown => {
  if (typeof value === 'string') return textOf(value)
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') }
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [textOf(key), storable(inner)]))
  return value
}
