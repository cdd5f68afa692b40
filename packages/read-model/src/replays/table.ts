import type { Selectable } from 'kysely'
import type { Actor } from '@journey/domain'
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

/** Which of the events in the window are meant: a bus type or `<family>.*`, and the client they are about. */
export type ReplayFilter = { type?: string; client_id?: string }

/**
 * A replay of stored events to one consumer. `position` is how far it has come, `until_position` where the log ended when it
 * began; `ended_at` is set once nothing of it is left behind anywhere. `done` and `total` count events; streams in `reprocess`.
 */
export type ReplaysTable = {
  id: string
  consumer: string
  mode: 'rebuild' | 'reprocess' | 'redeliver'
  from_at: Time
  to_at: OptionalTime
  filter: NullableJsonColumn<ReplayFilter>
  /** Only counts what there is to do. */
  dry_run: Defaulted<boolean>
  state: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled'
  done: Defaulted<number>
  total: Optional<number>
  position: Optional<Position>
  until_position: Optional<Position>
  error: NullableJsonColumn<{ code: string; message: string }>
  requested_by: JsonColumn<Actor>
  created_at: DefaultedTime
  updated_at: DefaultedTime
  ended_at: OptionalTime
}

export type ReplayMode = ReplaysTable['mode']
export type ReplayState = ReplaysTable['state']
export type ReplayRow = Selectable<ReplaysTable>
