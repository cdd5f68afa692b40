import { sql, type Kysely, type Transaction } from 'kysely'
import type { Partitions } from '@journey/contracts'
import type { Tables } from '../tables.js'

const consumer = 'projector'

/**
 * How the projector's buckets are shared out; the one source of that number for whoever declares, consumes or checks.
 *
 * @param initial what holds when nothing was ever written down; then it is written down
 */
export const partitionsOf = async (db: Kysely<Tables>, initial: number): Promise<Partitions> => {
  const found = await read(db)
  if (found) return found
  await db
    .insertInto('partitions')
    .values({ consumer, count: initial, queues: initial })
    .onConflict((conflict) => conflict.column('consumer').doNothing())
    .execute()
  return (await read(db))!
}

/**
 * Works while nobody can change the partitions: what a service declares by them is not declared by a number that was just
 * changed, which would bring back bindings that were taken away.
 */
export const holdingPartitions = async <T>(
  db: Kysely<Tables>,
  initial: number,
  work: (partitions: Partitions) => Promise<T>,
): Promise<T> => {
  await partitionsOf(db, initial)
  return db.transaction().execute(async (transaction) => work((await read(transaction, 'share'))!))
}

/**
 * Shares the buckets out over another number of queues, once `prepare` has made those queues; nobody declares meanwhile. Queues
 * that are no longer needed are read from until `letGoOfQueues`. Safe to repeat.
 */
export const sharePartitions = async (
  db: Kysely<Tables>,
  initial: number,
  count: number,
  prepare: () => Promise<void>,
): Promise<Partitions> => {
  await partitionsOf(db, initial)
  return db.transaction().execute(async (transaction) => {
    const { queues } = (await read(transaction, 'update'))!
    await prepare()
    return write(transaction, { count, queues: Math.max(count, queues) })
  })
}

/** Has the projector read from the queues alone that the buckets are shared out over. Safe to repeat. */
export const letGoOfQueues = (db: Kysely<Tables>): Promise<Partitions> =>
  db.transaction().execute(async (transaction) => {
    const { count } = (await read(transaction, 'update'))!
    return write(transaction, { count, queues: count })
  })

const read = (db: Kysely<Tables> | Transaction<Tables>, lock?: 'share' | 'update'): Promise<Partitions | undefined> => {
  const row = db.selectFrom('partitions').select(['count', 'queues']).where('consumer', '=', consumer)
  if (lock === 'share') return row.forShare().executeTakeFirst()
  return (lock === 'update' ? row.forUpdate() : row).executeTakeFirst()
}

const write = async (transaction: Transaction<Tables>, partitions: Partitions): Promise<Partitions> => {
  await transaction
    .updateTable('partitions')
    .set({ ...partitions, changed_at: sql<string>`now()` })
    .where('consumer', '=', consumer)
    .execute()
  return partitions
}
