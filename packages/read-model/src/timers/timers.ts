import { sql, type Kysely } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'

/** A command to be sent at a moment. */
export type TimedCommand = { id: string; type: string; data: JsonObject; correlationId: string; causationId: string }
export type Timer = { timerId: string; kind: string; dueAt: Instant; workId: string | null; command: TimedCommand }

/** Sets timers; one with the id of an earlier one replaces it. Safe to repeat. */
export const setTimers = async (db: Kysely<Tables>, timers: readonly Timer[]): Promise<void> => {
  if (timers.length === 0) return
  const each = [...new Map(timers.map((timer) => [timer.timerId, timer])).values()] // one statement cannot hit a row twice
  await sql`
    insert into timers (timer_id, kind, due_at, work_id, command)
    select * from unnest(
      ${each.map(({ timerId }) => timerId)}::text[], ${each.map(({ kind }) => kind)}::text[],
      ${each.map(({ dueAt }) => dueAt)}::timestamptz[], ${each.map(({ workId }) => workId)}::text[],
      ${each.map(({ command }) => json(command))}::jsonb[])
    on conflict (timer_id) do update set due_at = excluded.due_at, command = excluded.command`.execute(db)
}

/** Takes timers away that need not fire any more: by id, or all of a unit of work. */
export const cancelTimers = async (
  db: Kysely<Tables>,
  which: { ids?: readonly string[]; workIds?: readonly string[] },
): Promise<void> => {
  if (which.ids?.length)
    await db
      .deleteFrom('timers')
      .where(sql<boolean>`timer_id = any(${which.ids}::text[])`)
      .execute()
  if (which.workIds?.length)
    await db
      .deleteFrom('timers')
      .where(sql<boolean>`work_id = any(${which.workIds}::text[])`)
      .execute()
}

/**
 * Fires the timers that are due, at most `limit`, and takes them away; all in one transaction, so that a timer whose command
 * could not be sent fires again. Several processes may do it side by side.
 *
 * @returns how many fired, and when the next one is due
 */
export const fireDue = async (
  db: Kysely<Tables>,
  limit: number,
  fire: (timer: Timer) => Promise<void>,
): Promise<{ fired: number; nextAt: Instant | undefined }> => {
  const fired = await db.transaction().execute(async (transaction) => {
    const due = await transaction
      .selectFrom('timers')
      .selectAll()
      .where('due_at', '<=', sql<Instant>`now()`)
      .orderBy('due_at')
      .limit(limit)
      .forUpdate()
      .skipLocked()
      .execute()
    if (due.length === 0) return 0
    await Promise.all(
      due.map(({ timer_id, kind, due_at, work_id, command }) =>
        fire({ timerId: timer_id, kind, dueAt: due_at, workId: work_id, command: command as unknown as TimedCommand }),
      ),
    )
    await transaction
      .deleteFrom('timers')
      .where(
        'timer_id',
        'in',
        due.map(({ timer_id }) => timer_id),
      )
      .execute()
    return due.length
  })
  const next = await db.selectFrom('timers').select('due_at').orderBy('due_at').limit(1).executeTakeFirst()
  return { fired, nextAt: next?.due_at }
}
