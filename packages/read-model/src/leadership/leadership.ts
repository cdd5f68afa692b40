import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { conflict, messageOf, type Log } from '@journey/runtime'
import type { Tables } from '../tables.js'

const tryEveryMs = 1_000
const lookEveryMs = 1_000

/**
 * Does work as the one leader of a name, for as long as the signal lets it: waits for the lock, works, and starts over when
 * the work ends or the session that holds the lock is lost. The lock goes with the session, so a killed leader is followed
 * within seconds. Two leaders at once are possible for a moment after a lost session: the work must bear that.
 */
export const lead = async ({
  db,
  name,
  log,
  signal,
  work,
}: {
  db: Kysely<Tables>
  name: string
  log: Log
  signal: AbortSignal
  work: (signal: AbortSignal) => Promise<void>
}): Promise<void> => {
  do {
    try {
      await db.connection().execute(async (session) => {
        if (!(await tryLock(session, name))) return
        log.info({ leader: name }, 'leading')
        const lost = new AbortController()
        const both = AbortSignal.any([signal, lost.signal])
        const watch = watchSession(session, both).catch((error: unknown) => lost.abort(error))
        try {
          await work(both)
        } finally {
          lost.abort()
          await watch
          await sql`select pg_advisory_unlock(hashtext(${name}))`.execute(session).catch(() => undefined)
        }
      })
    } catch (error) {
      if (!signal.aborted)
        log.warn({ leader: name, reason: messageOf(error) }, 'leadership lost or not to be had; tried again')
    }
  } while (await passed(tryEveryMs, signal))
}

/**
 * Does work that only one may do at a time.
 *
 * @throws conflict `leadership/taken` at once when another does it now
 */
export const alone = <T>(db: Kysely<Tables>, name: string, work: () => Promise<T>): Promise<T> =>
  db.connection().execute(async (session) => {
    if (!(await tryLock(session, name)))
      throw conflict('leadership/taken', `Another process does this now: ${name}. Wait for its end, then look again.`)
    try {
      return await work()
    } finally {
      await sql`select pg_advisory_unlock(hashtext(${name}))`.execute(session).catch(() => undefined)
    }
  })

const tryLock = async (session: Kysely<Tables>, name: string): Promise<boolean> => {
  const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_lock(hashtext(${name})) as locked`.execute(
    session,
  )
  return rows[0]?.locked === true
}

/** Rejects when the session is gone. */
const watchSession = async (session: Kysely<Tables>, signal: AbortSignal): Promise<void> => {
  while (await passed(lookEveryMs, signal)) await sql`select 1`.execute(session)
}

/** Waits; false when the signal came first. */
const passed = (ms: number, signal: AbortSignal): Promise<boolean> => sleep(ms, true, { signal }).catch(() => false)
