import type { Kysely } from 'kysely'
import type { Tables } from '../tables.js'

/** What is known of an event of others: what it said, and where it stands, once it does. */
export type ReceivedId = { digest: string; revision: number | null; isNew: boolean }

/** Notes that an event is about to be recorded; what was noted under its id before has the word. */
export const claimReceivedId = async (
  db: Kysely<Tables>,
  event: { id: string; digest: string; stream: string },
): Promise<ReceivedId> => {
  const inserted = await db
    .insertInto('received_ids')
    .values({ event_id: event.id, digest: event.digest, stream: event.stream, revision: null })
    .onConflict((conflict) => conflict.column('event_id').doNothing())
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows === 1n) return { digest: event.digest, revision: null, isNew: true }
  const known = await db
    .selectFrom('received_ids')
    .select(['digest', 'revision'])
    .where('event_id', '=', event.id)
    .executeTakeFirstOrThrow()
  return { ...known, isNew: false }
}

/** Notes where the event stands. */
export const noteReceived = async (db: Kysely<Tables>, id: string, revision: number): Promise<void> => {
  await db.updateTable('received_ids').set({ revision }).where('event_id', '=', id).execute()
}
