import { sql, type Kysely } from 'kysely'
import type { Actor, Instant } from '@journey/domain'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'

/**
 * Closes dead letters whose retry was settled, each only if that retry is its latest and still under way. Safe to repeat; marks
 * that name nothing are passed over.
 *
 * @param service who settled them
 */
export const resolveRetried = async (
  db: Kysely<Tables>,
  retried: readonly { id: string; retry: number }[],
  service: string,
): Promise<void> => {
  await resolve(
    db,
    service,
    sql<boolean>`(id, retries) in (select * from unnest(${retried.map(({ id }) => id)}::uuid[], ${retried.map(({ retry }) => retry)}::int[]))`,
  )
}

/** Closes the dead letters of tasks whose retry has led to a result: agents settle nothing with us but results. */
export const resolveTasks = async (
  db: Kysely<Tables>,
  messageIds: readonly string[],
  service: string,
): Promise<void> => {
  if (messageIds.length > 0) await resolve(db, service, sql<boolean>`message_id = any(${messageIds}::text[])`)
}

const resolve = async (db: Kysely<Tables>, service: string, which: ReturnType<typeof sql<boolean>>): Promise<void> => {
  await db
    .with('resolved', (query) =>
      query
        .updateTable('dead_letters')
        .set({ state: 'resolved', closed_at: sql<Instant>`now()` })
        .where('state', '=', 'retrying')
        .where(which)
        .returning(['id', 'retries']),
    )
    .insertInto('dead_letter_actions')
    .columns(['dead_letter_id', 'action', 'actor', 'details'])
    .expression(
      (query) =>
        query
          .selectFrom('resolved')
          .select([
            'id',
            sql<'resolve'>`'resolve'`.as('action'),
            sql<Actor>`${json<Actor>({ type: 'system', id: service })}::jsonb`.as('actor'),
            sql<{ retry: number }>`jsonb_build_object('retry', retries)`.as('details'),
          ]) as never,
    )
    .execute()
}
