import type { Selectable } from 'kysely'
import type { Actor } from '@journey/domain'
import type { Defaulted, DefaultedTime, JsonColumn, NullableJsonColumn, OptionalTime } from '../columns.js'

/** What a job is asked: of `run` how old events must be, of the others which days (both included) and which category. */
export type ArchiveJobOptions = { older_than_days?: number; from?: string; to?: string; category?: string }

/** What a job on the archive came to; `problems` are those that `verify` found. */
export type ArchiveJobResult = { events: number; segments: number; problems?: string[] }

/** A job on the archive of events. `done` counts events. */
export type ArchiveJobsTable = {
  id: string
  kind: 'run' | 'verify' | 'restore'
  options: JsonColumn<ArchiveJobOptions>
  state: 'running' | 'completed' | 'failed' | 'cancelled'
  done: Defaulted<number>
  result: NullableJsonColumn<ArchiveJobResult>
  error: NullableJsonColumn<{ code: string; message: string }>
  requested_by: JsonColumn<Actor>
  created_at: DefaultedTime
  updated_at: DefaultedTime
  ended_at: OptionalTime
}

export type ArchiveJobKind = ArchiveJobsTable['kind']
export type ArchiveJobRow = Selectable<ArchiveJobsTable>
