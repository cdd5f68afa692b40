import type { Selectable } from 'kysely'
import type { Actor, JsonObject } from '@journey/domain'
import type {
  Defaulted,
  DefaultedTime,
  JsonColumn,
  NullableJsonColumn,
  Optional,
  OptionalTime,
  Position,
  Time,
} from '../columns.js'

/** A replay of stored events to one consumer. `position` is how far it has come. */
export type ReplaysTable = {
  id: string
  consumer: string
  mode: 'rebuild' | 'reprocess' | 'redeliver'
  from_at: Time
  to_at: OptionalTime
  filter: NullableJsonColumn<JsonObject>
  state: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled'
  done: Defaulted<number>
  total: Optional<number>
  position: Optional<Position>
  error: NullableJsonColumn<{ code: string; message: string }>
  requested_by: JsonColumn<Actor>
  created_at: DefaultedTime
  updated_at: DefaultedTime
  ended_at: OptionalTime
}

export type ReplayRow = Selectable<ReplaysTable>
