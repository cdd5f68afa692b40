import { sql, type Kysely } from 'kysely'
import { redact } from '@journey/contracts'
import type { Instant, JsonObject } from '@journey/domain'
import { json } from '../columns.js'
import { sealRow } from '../privacy/sealing.js'
import { storedChannel } from './hear.js'
import type { Tables } from '../tables.js'

/** One thing that one channel is to be told about one event. */
export type NewDelivery = {
  /** A UUID derived from event, channel and replay, so that a repeated event makes the same. */
  deliveryId: string
  eventId: string
  /** The replay that asks for it to be told again. */
  replayId?: string | undefined
  channel: string
  target: string
  /** The channel's own name for what happened. */
  eventType: string
  clientId: string
  payload: JsonObject
  /** `disabled` is kept for the record and never sent. */
  state: 'pending' | 'disabled'
}

/**
 * Stores the intent to deliver, due at once, and tells every `hearDeliveries` of it; of an erased client only that there was something,
 * which is never sent. Safe to repeat: an event makes one delivery a channel, and one more for each replay.
 *
 * @returns false if it was stored before
 */
export const storeDelivery = async (db: Kysely<Tables>, delivery: NewDelivery): Promise<boolean> => {
  const row = await sealRow(db, 'deliveries', {
    delivery_id: delivery.deliveryId,
    event_id: delivery.eventId,
    replay_id: delivery.replayId,
    channel: delivery.channel,
    target: delivery.target,
    event_type: delivery.eventType,
    client_id: delivery.clientId,
    payload: delivery.payload,
    state: delivery.state,
  })
  const wasErased = row.sealed === null && isNothing(row.payload)
  const state = wasErased ? 'disabled' : delivery.state
  const stored = await db
    .with('stored', (query) =>
      query
        .insertInto('deliveries')
        .values({
          ...row,
          payload: json(row.payload),
          state,
          tries: json([]),
          next_at: state === 'pending' ? sql<Instant>`now()` : null,
        })
        .onConflict((conflict) => conflict.doNothing())
        .returning('channel'),
    )
    .selectFrom('stored')
    .select(state === 'pending' ? sql`pg_notify(${storedChannel}, channel)`.as('told') : 'channel as told')
    .execute()
  return stored.length === 1
}

/** Whether a payload is what is left of one when its client was erased: the names of its fields, and nothing in them. */
export const isNothing = (payload: JsonObject): boolean => redact(payload, {}).content.length === 0
