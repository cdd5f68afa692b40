import { sql, type Kysely, type Transaction } from 'kysely'
import type { Actor, Instant, JsonObject } from '@journey/domain'
import { json, jsonOrNull } from '../columns.js'
import { discardParked } from '../gates/parked.js'
import { sealRow } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'
import { sealedColumns } from './keep.js'
import { orderedConsumer } from './parked.js'
import type { DeadLetterAction, DeadLetterRow, DeadLetterState } from './table.js'

/** Who acts on a dead letter, and why. */
export type By = { actor: Actor; reason: string | null }

/** A retry that is stored and has to be published: in vain it cannot be, since whatever crashes, `unpublishedRetries` knows it. */
export type Retry = Pick<
  DeadLetterRow,
  'id' | 'queue' | 'exchange' | 'routing_key' | 'message_id' | 'type' | 'command_id' | 'properties' | 'headers'
> & {
  /** The how manieth retry. */
  retry: number
  /** What is published: the edited body, where there is one. */
  body: Buffer
  isEdited: boolean
}

/** What an action met: it was done, or the state in which the dead letter is forbids it, or there is none. */
export type Acted<Done> = { done: Done } | { refused: DeadLetterState } | 'unknown'

/**
 * Stores the intent to retry an open dead letter, as `retrying`, with who wants it. Publish it, then say so with `notePublished`.
 *
 * @param also done in the same transaction
 */
export const beginRetry = (
  db: Kysely<Tables>,
  id: string,
  by: By,
  also?: (transaction: Transaction<Tables>, retry: Retry) => Promise<void>,
): Promise<Acted<Retry>> =>
  act(db, id, ['open'], by, 'retry', async (transaction) => {
    const row = await transaction
      .updateTable('dead_letters')
      .set({
        state: 'retrying',
        retries: sql<number>`retries + 1`,
        retried_at: sql<Instant>`now()`,
        published_at: null,
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const retry = retryOf(row)
    await also?.(transaction, retry)
    return { done: retry, details: { retry: row.retries } }
  })

/** A retry is safe on the bus. */
export const notePublished = async (db: Kysely<Tables>, { id, retry }: Pick<Retry, 'id' | 'retry'>): Promise<void> => {
  await db
    .updateTable('dead_letters')
    .set({ published_at: sql<Instant>`now()` })
    .where('id', '=', id)
    .where('retries', '=', retry)
    .execute()
}

/** Takes a retry back that certainly was not published. */
export const withdrawRetry = (
  db: Kysely<Tables>,
  { id, retry }: Pick<Retry, 'id' | 'retry'>,
  by: By,
): Promise<Acted<void>> =>
  act(db, id, ['retrying'], by, 'reopen', async (transaction) => {
    await transaction
      .updateTable('dead_letters')
      .set({ state: 'open' })
      .where('id', '=', id)
      .where('retries', '=', retry)
      .where('published_at', 'is', null)
      .execute()
    return { done: undefined, details: { retry } }
  })

/** Retries whose publishing nobody has confirmed for this long: whoever was at it is gone. Publishing them again is harmless. */
export const unpublishedRetries = async (db: Kysely<Tables>, forMs: number, limit: number): Promise<Retry[]> => {
  const rows = await db
    .selectFrom('dead_letters')
    .selectAll()
    .where('state', '=', 'retrying')
    .where('published_at', 'is', null)
    .where('retried_at', '<', sql<Instant>`now() - make_interval(secs => ${forMs / 1000})`)
    .orderBy('retried_at')
    .limit(limit)
    .execute()
  return rows.map(retryOf)
}

/** Closes a dead letter for good, unsettled. */
export const discardDeadLetter = (db: Kysely<Tables>, id: string, by: By): Promise<Acted<void>> =>
  act(db, id, ['open', 'retrying'], by, 'discard', async (transaction) => {
    await transaction
      .updateTable('dead_letters')
      .set({ state: 'discarded', closed_at: sql<Instant>`now()` })
      .where('id', '=', id)
      .execute()
    return { done: undefined }
  })

/** Puts a mended command beside the body of an open dead letter: the next retry publishes it instead. */
export const editDeadLetter = (
  db: Kysely<Tables>,
  id: string,
  edited: { body: Buffer; commandId: string; type: string; clientId: string | undefined },
  by: By,
): Promise<Acted<void>> =>
  act(db, id, ['open'], by, 'edit', async (transaction) => {
    const row = await transaction.selectFrom('dead_letters').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    const mended = await sealRow(transaction, 'dead_letters', {
      ...row,
      edited_body: edited.body,
      client_id: edited.clientId ?? null,
    })
    await transaction
      .updateTable('dead_letters')
      .set({
        ...sealedColumns(mended),
        command_id: edited.commandId,
        type: edited.type,
        client_id: mended.client_id,
      })
      .where('id', '=', id)
      .execute()
    return { done: undefined, details: { command_id: edited.commandId } }
  })

/** Opens retries again of which nothing was heard for this long: no queue of ours keeps a message that long. */
export const reopenForgotten = async (db: Kysely<Tables>, hours: number, actor: Actor): Promise<number> => {
  const rows = await db
    .selectFrom('dead_letters')
    .select('id')
    .where('state', '=', 'retrying')
    .where('retried_at', '<', sql<Instant>`now() - make_interval(hours => ${hours})`)
    .limit(1_000)
    .execute()
  for (const { id } of rows)
    await act(
      db,
      id,
      ['retrying'],
      { actor, reason: `nothing was heard of it for ${hours} hours` },
      'reopen',
      async (to) => {
        await to.updateTable('dead_letters').set({ state: 'open' }).where('id', '=', id).execute()
        return { done: undefined }
      },
    )
  return rows.length
}

/** Leaves a parked stream out of the read model; see `discardParked`. False when it is not parked, or left out already. */
export const discardStream = (db: Kysely<Tables>, stream: string, by: By): Promise<boolean> =>
  db.transaction().execute(async (transaction) => {
    if (!(await discardParked(transaction, orderedConsumer, stream))) return false
    await noteStreamAction(transaction, stream, 'discard', by)
    return true
  })

/** Notes what was done with a parked stream. */
export const noteStreamAction = async (
  db: Kysely<Tables>,
  stream: string,
  action: 'retry' | 'resolve' | 'discard',
  by: By,
): Promise<void> => {
  await db
    .insertInto('dead_letter_actions')
    .values({ consumer: orderedConsumer, stream, action, actor: json(by.actor), reason: by.reason })
    .execute()
}

const act = <Done>(
  db: Kysely<Tables>,
  id: string,
  from: readonly DeadLetterState[],
  { actor, reason }: By,
  action: DeadLetterAction['action'],
  change: (transaction: Transaction<Tables>) => Promise<{ done: Done; details?: JsonObject }>,
): Promise<Acted<Done>> =>
  db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('dead_letters')
      .select('state')
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst()
    if (!row) return 'unknown'
    if (!from.includes(row.state)) return { refused: row.state }
    const { done, details } = await change(transaction)
    await transaction
      .insertInto('dead_letter_actions')
      .values({ dead_letter_id: id, action, actor: json(actor), reason, details: jsonOrNull(details ?? null) })
      .execute()
    return { done }
  })

/** The retry that would be stored next, were it asked for. */
export const nextRetryOf = (row: DeadLetterRow): Retry => ({ ...retryOf(row), retry: row.retries + 1 })

const retryOf = (row: DeadLetterRow): Retry => ({
  id: row.id,
  queue: row.queue,
  exchange: row.exchange,
  routing_key: row.routing_key,
  message_id: row.message_id,
  type: row.type,
  command_id: row.command_id,
  properties: row.properties,
  headers: row.headers,
  retry: row.retries,
  body: row.edited_body ?? row.body,
  isEdited: row.edited_body !== null,
})
