import type { Selectable } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import type { Defaulted, DefaultedTime, JsonColumn, Optional, OptionalTime, Sealed } from '../columns.js'

/** What the world outside is told, once per event and channel, and once more for each replay. */
export type DeliveriesTable = {
  delivery_id: string
  event_id: string
  channel: string
  /** The address it was last meant for, without what may be secret in it; empty if there was none. */
  target: string
  /** The replay that asked for it to be told again; null the first time. */
  replay_id: Optional<string>
  event_type: string
  client_id: Optional<string>
  /** What is sent; a `json` column, which keeps the order of its keys, so that every attempt sends the same bytes. */
  payload: JsonColumn<JsonObject>
  state: 'pending' | 'delivered' | 'failed' | 'disabled'
  attempts: Defaulted<number>
  /** Every attempt there was, in order. */
  tries: JsonColumn<DeliveryTry[]>
  /** When the next attempt is due; of pending ones only. */
  next_at: OptionalTime
  last_status: Optional<number>
  last_error: Optional<string>
  created_at: DefaultedTime
  delivered_at: OptionalTime
  sealed: Sealed
}

/** One attempt to deliver: when it began, how long it took, how it ended. */
export type DeliveryTry = {
  at: Instant
  duration_ms: number
  outcome: 'delivered' | 'failed' | 'rejected'
  status?: number
  code?: string
  message?: string
}

export type DeliveryRow = Selectable<DeliveriesTable>
