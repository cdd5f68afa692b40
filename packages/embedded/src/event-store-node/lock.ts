import type { ClientBase } from 'pg'
import { unavailable } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'

/** Any two numbers will do, as long as nothing else in the database uses them for an advisory lock. */
const lockKey = [1_163_154_500, 20_112]

/**
 * Takes the one lock of a database that only its node may hold. The lock belongs to the connection, and every write goes through
 * that same connection: a node that lost the lock cannot write. After a kill the old session takes a moment to die, so this
 * tries for `patienceMs`.
 *
 * @throws unavailable `event_store_node/database_in_use`
 */
export const takeLock = async (client: ClientBase, patienceMs: number): Promise<void> => {
  const until = Date.now() + patienceMs
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1, $2) as taken', lockKey)
    if (rows[0]?.taken) return
    if (Date.now() > until) break
    await sleep(100)
  }
  const { rows } = await client.query<{ pid: number; since: string }>(
    `select l.pid, a.backend_start::text as since from pg_locks l join pg_stat_activity a using (pid)
     where locktype = 'advisory' and classid = $1 and objid = $2 and granted and l.database = (select oid from pg_database where datname = current_database())`,
    lockKey,
  )
  const holder = rows[0] ? ` (session ${rows[0].pid}, there since ${rows[0].since})` : ''
  throw unavailable(
    'event_store_node/database_in_use',
    `Another event store node holds this database${holder}. One database serves one node: stop the other, or give this one a database of its own.`,
  )
}
