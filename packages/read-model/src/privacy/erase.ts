import { randomBytes } from 'node:crypto'
import { sql, type Kysely, type Transaction } from 'kysely'
import { redact } from '@journey/contracts'
import { journeyStream, unitOfWorkStream, type Actor } from '@journey/domain'
import { Fault } from '@journey/runtime'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'
import { workIdsOf } from '../works/queries.js'
import { content, contentOf, ofNobody, type SealedTable } from './content.js'
import type { ErasureRow } from './table.js'

/** What an erasure would take away: rows with content, by table, and data keys. */
export type Erasable = Record<string, number>

/** How long a request may be confirmed. */
export const confirmWithinMinutes = 15

/** Notes that somebody wants a client erased, and tells what that would take away; nothing is gone yet. */
export const requestErasure = (
  db: Kysely<Tables>,
  { id, clientId, reason, by }: { id: string; clientId: string; reason: string; by: Actor },
): Promise<{ erasure: ErasureRow; removes: Erasable }> =>
  db.transaction().execute(async (transaction) => {
    const erasure = await transaction
      .insertInto('erasures')
      .values({ id, client_id: clientId, reason, requested_by: json(by) })
      .returningAll()
      .executeTakeFirstOrThrow()
    const removes: Erasable = { data_keys: await liveKeys(transaction, clientId) }
    for (const table of tables) {
      const which = await rowsOf(transaction, table, clientId)
      const { rows } = await sql<{ count: number }>`
        select count(*) as count from ${sql.table(table)} where ${which}`.execute(transaction)
      removes[table] = rows[0]!.count
    }
    return { erasure, removes }
  })

/**
 * Destroys the client's data key for good, and takes the content out of every row of the client's: one transaction, safe to
 * repeat. Events stay where they are; with the key gone, they show their skeleton. Dead letters are discarded, deliveries not
 * sent any more. Other processes forget the key within 10 s.
 *
 * @returns undefined when nobody has asked for it, or longer ago than may be confirmed
 * @throws refused `privacy/journey_active`
 */
export const eraseClient = (
  db: Kysely<Tables>,
  { id, clientId, by }: { id: string; clientId: string; by: Actor },
): Promise<ErasureRow | undefined> =>
  db.transaction().execute(async (transaction) => {
    const asked = await transaction
      .selectFrom('erasures')
      .selectAll()
      .where('id', '=', id)
      .where('client_id', '=', clientId)
      .where((eb) =>
        eb.or([
          eb('erased_at', 'is not', null),
          eb('requested_at', '>', sql<string>`now() - make_interval(mins => ${confirmWithinMinutes})`),
        ]),
      )
      .forUpdate()
      .executeTakeFirst()
    if (asked?.erased_at !== null) return asked
    await refuseActive(transaction, clientId)
    const removed: Erasable = { data_keys: await destroyKeys(transaction, clientId) }
    for (const table of tables) removed[table] = await wipe(transaction, table, clientId)
    await letGo(transaction, clientId, by)
    return transaction
      .updateTable('erasures')
      .set({ erased_at: sql<string>`now()`, confirmed_by: json(by), removed: json(removed) })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
  })

/** Who was asked to be erased, and was; the latest first. */
export const erasuresOf = (
  db: Kysely<Tables>,
  { clientId, limit }: { clientId?: string | undefined; limit: number },
): Promise<ErasureRow[]> =>
  db
    .selectFrom('erasures')
    .selectAll()
    .$if(clientId !== undefined, (query) => query.where('client_id', '=', clientId!))
    .orderBy('requested_at', 'desc')
    .limit(limit)
    .execute()

/** @throws refused `privacy/journey_active` */
export const refuseActive = async (db: Kysely<Tables>, clientId: string): Promise<void> => {
  const row = await db
    .selectFrom('journey_states')
    .select('status')
    .where('client_id', '=', clientId)
    .executeTakeFirst()
  if (row?.status === 'active' || row?.status === 'rolling_back')
    throw new Fault(
      'refused',
      'privacy/journey_active',
      `The journey of client ${clientId} is under way and needs its content: cancel or complete it first`,
    )
}

/** Those that hold content of clients. */
const tables = (Object.keys(content) as SealedTable[]).filter((table) => contentOf(table).ownerOf !== ofNobody)

const liveKeys = async (db: Kysely<Tables>, clientId: string): Promise<number> => {
  const rows = await db
    .selectFrom('data_keys')
    .select('key_id')
    .where('client_id', '=', clientId)
    .where('wrapped', 'is not', null)
    .execute()
  return rows.length
}

/** A client without a key gets a destroyed one, so that no writer that comes late makes it its first. */
const destroyKeys = async (transaction: Transaction<Tables>, clientId: string): Promise<number> => {
  const destroy = async (): Promise<number> => {
    const { numUpdatedRows } = await transaction
      .updateTable('data_keys')
      .set({ wrapped: null, master_key_id: null, destroyed_at: sql<string>`now()` })
      .where('client_id', '=', clientId)
      .where('wrapped', 'is not', null)
      .executeTakeFirst()
    return Number(numUpdatedRows)
  }
  await transaction
    .insertInto('data_keys')
    .values({ client_id: clientId, generation: 1, key_id: randomBytes(8).toString('hex'), destroyed_at: sql`now()` })
    .onConflict((conflict) => conflict.doNothing()) // waits for whoever is making one
    .execute()
  return destroy()
}

/** A command's answer lies under no client's name, but under the stream it was meant for. */
const rowsOf = async (db: Kysely<Tables>, table: SealedTable, clientId: string) => {
  if (table !== 'commands') return sql<boolean>`client_id = ${clientId}`
  const streams = [journeyStream(clientId), ...(await workIdsOf(db, clientId)).map(unitOfWorkStream)]
  return sql<boolean>`about = any(${streams}::text[])`
}

/** Takes the content out of the rows, sealed or not; counts the rows that had any. */
const wipe = async (transaction: Transaction<Tables>, table: SealedTable, clientId: string): Promise<number> => {
  const which = await rowsOf(transaction, table, clientId)
  const unsealed = await sql`
    update ${sql.table(table)} set sealed = null where ${which} and sealed is not null`.execute(transaction)
  const { key, columns } = contentOf(table)
  const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)} where ${which}`.execute(
    transaction,
  )
  let inClear = 0
  for (const row of rows) {
    const parts = Object.entries(columns).map(
      ([column, shape]) => [column, redact(row[column], typeof shape === 'function' ? shape(row) : shape)] as const,
    )
    const changed = parts.filter(([, part]) => part.content.length > 0)
    if (changed.length === 0) continue
    const changes = changed.map(([column, part]) => sql`${sql.id(column)} = ${written(part.skeleton)}`)
    const place = key.map((column) => sql`${sql.id(column)} = ${row[column]}`)
    await sql`update ${sql.table(table)} set ${sql.join(changes)} where ${sql.join(place, sql` and `)}`.execute(
      transaction,
    )
    inClear += 1
  }
  return Number(unsealed.numAffectedRows ?? 0n) + inClear
}

const written = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Buffer.isBuffer(value) ? JSON.stringify(value) : value

/** Nothing of it is sent or retried any more. */
const letGo = async (transaction: Transaction<Tables>, clientId: string, by: Actor): Promise<void> => {
  await transaction
    .updateTable('deliveries')
    .set({ state: 'disabled', next_at: null })
    .where('client_id', '=', clientId)
    .where('state', '=', 'pending')
    .execute()
  const letters = await transaction
    .updateTable('dead_letters')
    .set({ state: 'discarded', closed_at: sql<string>`now()` })
    .where('client_id', '=', clientId)
    .where('state', 'in', ['open', 'retrying'])
    .returning('id')
    .execute()
  if (letters.length > 0)
    await transaction
      .insertInto('dead_letter_actions')
      .values(
        letters.map(({ id }) => ({
          dead_letter_id: id,
          action: 'discard' as const,
          actor: json(by),
          reason: 'the client was erased',
        })),
      )
      .execute()
}
