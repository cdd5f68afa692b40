import type { Selectable } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import type { JsonColumn, Position, Sealed } from '../columns.js'

/** One row for each `notification.*` of others. What the event left out is null. */
export type NotificationsTable = {
  stream: string
  revision: number
  event_id: string
  position: Position
  event_type: string
  channel: string | null
  recipient: string | null
  template: string | null
  at: Instant
  source: string
  /** What more the event said. */
  details: JsonColumn<JsonObject>
  sealed: Sealed
}

export type NotificationRow = Selectable<NotificationsTable>
