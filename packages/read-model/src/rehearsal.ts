import { sql, type Kysely, type Transaction } from 'kysely'
import { Sealing, vaultOf } from './privacy/sealing.js'
import type { Tables } from './tables.js'

/** Whoever works in earnest on the same rows goes first, and is not kept waiting for long. */
const lockTimeout = '2s'

/**
 * Does work in a transaction that is rolled back whatever comes of it, and tells what came of it. Nothing of it stays: content is sealed
 * with keys of the moment where there is none yet. Numbers that sequences gave are used up, as in any transaction that is rolled back.
 *
 * @throws what the work throws; unavailable `database/too_slow` when somebody holds the same rows for long
 */
export const rehearse = async <Result>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
): Promise<Result> => {
  let done: { result: Result } | undefined
  try {
    await db.transaction().execute(async (transaction) => {
      await sql`set local lock_timeout = ${sql.lit(lockTimeout)}`.execute(transaction)
      const result = await work(forgetful(transaction))
      // What is checked at the end of a transaction is checked as if this one ended.
      await sql`set constraints all immediate`.execute(transaction)
      done = { result }
      throw new RolledBack()
    })
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error
  }
  return done!.result
}

class RolledBack extends Error {
  override readonly name = 'RolledBack'
}

/** A data key is made outside of the transaction that needs it, so it would stay. */
const forgetful = (transaction: Transaction<Tables>): Transaction<Tables> => {
  const vault = vaultOf(transaction)
  if (!vault) return transaction
  return transaction.withoutPlugins().withPlugin(
    new Sealing({
      seals: vault.seals,
      keysFor: (owners) => vault.keysFor(owners, { fleeting: true }),
      keysById: (ids) => vault.keysById(ids),
      erasedAmong: (owners) => vault.erasedAmong(owners),
      check: () => vault.check(),
    }),
  )
}
