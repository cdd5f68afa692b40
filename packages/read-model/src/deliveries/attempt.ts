import { sql, type Kysely } from 'kysely'
import type { Instant } from '@journey/domain'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'
import { isNothing } from './store.js'
import type { DeliveryRow, DeliveryTry } from './table.js'

/** A delivery whose time has come, and how often it was tried before. */
export type DueDelivery = Pick<
  DeliveryRow,
  'delivery_id' | 'event_id' | 'event_type' | 'payload' | 'attempts' | 'replay_id'
>

/** What becomes of a due delivery: an attempt with its consequence, or nothing at all for now. */
export type DeliveryVerdict =
  | { do: 'settle'; state: 'delivered' | 'failed'; tried: DeliveryTry }
  | { do: 'retry'; inMs: number; tried: DeliveryTry }
  | { do: 'leave'; forMs: number }

/**
 * What was found: a delivery was tried (there may be more), or when it is worth looking again, if anything is pending at all, and how many
 * are due but in somebody's hands.
 */
export type Attempted = { tried: true } | { tried: false; againInMs: number | undefined; inHand: number }

/** More are not counted. */
const mostCounted = 100

/**
 * Takes the channel's most overdue delivery, hands it to `attempt` and records what came of it. Its row stays locked
 * meanwhile, so that no other instance tries it; a crash frees the row as it was. Holds one connection all along.
 *
 * @param attempt makes one attempt; when it rejects, nothing is recorded
 * @param target written into the row with the attempt
 */
export const attemptNextDelivery = (
  db: Kysely<Tables>,
  channel: string,
  target: string,
  attempt: (delivery: DueDelivery) => Promise<DeliveryVerdict>,
): Promise<Attempted> =>
  db.transaction().execute(async (transaction) => {
    const next = await transaction
      .selectFrom('deliveries')
      .select(['delivery_id', 'event_id', 'event_type', 'payload', 'attempts', 'replay_id', 'sealed'])
      .select(sql<number>`ceil(extract(epoch from next_at - now()) * 1000)::float8`.as('due_in_ms'))
      .where('channel', '=', channel)
      .where('state', '=', 'pending')
      .orderBy('next_at')
      .limit(1)
      .forUpdate()
      .skipLocked()
      .executeTakeFirst()
    if (!next || next.due_in_ms > 0)
      return { tried: false, againInMs: next?.due_in_ms, inHand: await dueDeliveries(transaction, channel) }
    if (isNothing(next.payload)) {
      // Its key was destroyed between storing and now.
      await transaction
        .updateTable('deliveries')
        .set({ state: 'disabled', next_at: null, sealed: null })
        .where('delivery_id', '=', next.delivery_id)
        .execute()
      return { tried: true }
    }
    // A machine that vanishes mid-way must not keep the row from the others for as long as TCP hopes.
    await sql`set local idle_in_transaction_session_timeout = '60s'`.execute(transaction)
    const { due_in_ms: _, ...delivery } = next
    const verdict = await attempt(delivery)
    if (verdict.do === 'leave') return { tried: false, againInMs: verdict.forMs, inHand: 0 }
    await record(transaction, delivery, target, verdict)
    return { tried: true }
  })

/** Those that are due, whoever holds them. */
const dueDeliveries = async (db: Kysely<Tables>, channel: string): Promise<number> => {
  const rows = await db
    .selectFrom('deliveries')
    .select('delivery_id')
    .where('channel', '=', channel)
    .where('state', '=', 'pending')
    .where('next_at', '<=', sql<Instant>`now()`)
    .limit(mostCounted)
    .execute()
  return rows.length
}

const record = (
  db: Kysely<Tables>,
  { delivery_id }: DueDelivery,
  target: string,
  verdict: Exclude<DeliveryVerdict, { do: 'leave' }>,
): Promise<unknown> => {
  const { tried } = verdict
  const isDelivered = verdict.do === 'settle' && verdict.state === 'delivered'
  return db
    .updateTable('deliveries')
    .set({
      state: verdict.do === 'settle' ? verdict.state : 'pending',
      target,
      attempts: sql<number>`attempts + 1`,
      tries: sql<string>`tries || ${json([tried])}::jsonb`,
      next_at: verdict.do === 'retry' ? sql<Instant>`clock_timestamp() + ${verdict.inMs} * interval '1 ms'` : null,
      last_status: tried.status ?? null,
      last_error: tried.message ?? null,
      delivered_at: isDelivered ? sql<Instant>`clock_timestamp()` : null,
    })
    .where('delivery_id', '=', delivery_id)
    .execute()
}
