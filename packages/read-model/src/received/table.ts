import type { ColumnType } from 'kysely'
import type { DefaultedTime } from '../columns.js'

export type ReceivedIdsTable = {
  event_id: string
  digest: string
  stream: string
  /** Null until the event is known to stand in the stream. */
  revision: ColumnType<number | null, number | null, number>
  received_at: DefaultedTime
}
