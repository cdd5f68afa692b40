import { sql, type Kysely, type KyselyPlugin, type RootOperationNode, type Transaction } from 'kysely'
import { unavailable } from '@journey/runtime'
import { Sealing, vaultOf } from './privacy/sealing.js'
import type { Tables } from './tables.js'

/** Whoever works in earnest on the same rows goes first, and is not kept waiting for long. */
const lockTimeoutMs = 2_000
/** Nor is kept waiting for longer than this by what the rehearsal itself holds. */
const longestMs = 5_000
/** PostgreSQL's own limit, for a process that is stuck between two statements and looks at no clock. */
const stuckMs = longestMs + 3_000

/**
 * Does work in a transaction that is rolled back whatever comes of it, and tells what came of it. Nothing of it stays: content is sealed
 * with keys of the moment where there is none yet. Numbers that sequences gave are used up, as in any transaction that is rolled back.
 *
 * @param withinMs after that no statement is begun any more
 * @param alone sees nothing that others write meanwhile, for work that compares what is there before and after it
 * @throws what the work throws; unavailable `database/too_slow` when somebody holds the same rows for long, `rehearsal/too_long` when the
 *   work itself does; conflict `database/serialization` when somebody changed them under work that is `alone`
 */
export const rehearse = async <Result>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
  { withinMs = longestMs, alone = false }: { withinMs?: number; alone?: boolean } = {},
): Promise<Result> => {
  let done: { result: Result } | undefined
  const isolation = alone ? 'repeatable read' : 'read committed'
  try {
    await db
      .transaction()
      .setIsolationLevel(isolation)
      .execute(async (transaction) => {
        await sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, true),
        set_config('statement_timeout', ${String(longestMs)}, true),
        set_config('idle_in_transaction_session_timeout', ${String(stuckMs)}, true)`.execute(transaction)
        const result = await work(forgetful(transaction).withPlugin(new Hurried(withinMs)))
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

/** Lets no statement begin once the time is over. */
class Hurried implements KyselyPlugin {
  private readonly until: number

  constructor(private readonly withinMs: number) {
    this.until = performance.now() + withinMs
  }

  transformQuery({ node }: { node: RootOperationNode }): RootOperationNode {
    if (performance.now() <= this.until) return node
    throw unavailable(
      'rehearsal/too_long',
      `It was not done within ${this.withinMs} ms, and it holds what others wait for`,
    )
  }

  transformResult: KyselyPlugin['transformResult'] = ({ result }) => Promise.resolve(result)
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
