import { sql, type Kysely } from 'kysely'
import type { TimedCommand } from '../timers/timers.js'
import type { Instant } from '@journey/domain'
import { json } from '../columns.js'
import { sealRows } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'

/** A unit of work that is to be created as soon as its journey may work. */
export type Admission = { workId: string; clientId: string; kind: string; command: TimedCommand }

/** Asks for admission; one that is known already, whatever became of it, stays as it is. */
export const requestAdmissions = async (db: Kysely<Tables>, admissions: readonly Admission[]): Promise<void> => {
  if (admissions.length === 0) return
  const rows = await sealRows(
    db,
    'admissions',
    admissions.map(({ workId, clientId, kind, command }) => ({
      work_id: workId,
      client_id: clientId,
      kind,
      state: 'waiting' as const,
      command: { ...command },
    })),
  )
  const now = sql<Instant>`now()`
  await db
    .insertInto('admissions')
    .values(rows.map((row) => ({ ...row, command: json(row.command), requested_at: now, journey_started_at: now })))
    .onConflict((conflict) => conflict.column('work_id').doNothing())
    .execute()
}

/** A unit of work makes room: for good when it ended, else until it goes on. */
export const makeRoom = async (
  db: Kysely<Tables>,
  works: readonly { workId: string; clientId: string; ended: boolean }[],
): Promise<void> => {
  const idsOf = (isEnded: boolean) => works.flatMap(({ workId, ended }) => (ended === isEnded ? [workId] : []))
  const room = async (workIds: readonly string[], to: 'idle' | 'ended') => {
    if (workIds.length === 0) return
    await db
      .updateTable('admissions')
      .set(to === 'ended' ? { state: to, ended_at: sql<Instant>`now()` } : { state: to })
      .where('work_id', 'in', workIds)
      .where('state', '<>', 'ended')
      .execute()
  }
  await room(idsOf(false), 'idle')
  await room(idsOf(true), 'ended')
}

/**
 * Lets as many journeys work as there is room for, those under way before new ones, the longest waiting first, and has the
 * commands of their units of work sent. What undoes a stage always may. One process at a time, in one transaction: what was
 * not sent is not admitted.
 *
 * @returns how many were admitted
 */
export const admitWaiting = async (
  db: Kysely<Tables>,
  most: number,
  send: (command: TimedCommand) => Promise<void>,
): Promise<number> =>
  db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(hashtext('admissions'))`.execute(transaction)
    const { rows: found } = await sql<{ work_id: string }>`
      with working as (select distinct client_id from admissions where state = 'admitted'),
      waiting as (
        select work_id, client_id,
               kind = 'rollback' or client_id in (select client_id from working) as may_anyway,
               dense_rank() over (partition by kind = 'rollback' or client_id in (select client_id from working)
                                  order by (kind = 'setup' and command -> 'data' ->> 'stage' = 'sandbox'), requested_at, client_id) as place
        from admissions where state = 'waiting'
      )
      select work_id from waiting
      where may_anyway or place <= ${most} - (select count(*) from working)
      limit 200`.execute(transaction)
    if (found.length === 0) return 0
    const ids = found.map(({ work_id }) => work_id)
    const rows = await transaction.selectFrom('admissions').selectAll().where('work_id', 'in', ids).execute()
    await Promise.all(rows.map(({ command }) => send(command as unknown as TimedCommand)))
    await transaction
      .updateTable('admissions')
      .set({ state: 'admitted', admitted_at: sql<Instant>`now()` })
      .where('work_id', 'in', ids)
      .execute()
    return rows.length
  })

/** How many journeys work and how many wait for room. */
export const admissionCounts = async (db: Kysely<Tables>): Promise<{ working: number; waiting: number }> => {
  const { rows } = await sql<{ working: string; waiting: string }>`
    select count(distinct client_id) filter (where state = 'admitted') as working,
           count(distinct client_id) filter (where state = 'waiting') as waiting
    from admissions where state in ('admitted', 'waiting')`.execute(db)
  return { working: Number(rows[0]?.working ?? 0), waiting: Number(rows[0]?.waiting ?? 0) }
}
