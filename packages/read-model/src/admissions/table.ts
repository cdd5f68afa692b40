import type { Selectable } from 'kysely'
import type { JsonObject } from '@journey/domain'
import type { DefaultedTime, JsonColumn, OptionalTime, Sealed } from '../columns.js'

/** A unit of work and its place among those that may execute at the same moment. */
export type AdmissionsTable = {
  work_id: string
  client_id: string
  kind: string
  state: 'waiting' | 'admitted' | 'idle' | 'ended'
  requested_at: DefaultedTime
  admitted_at: OptionalTime
  ended_at: OptionalTime
  journey_started_at: OptionalTime
  /** The command that creates the unit of work once it is admitted. */
  command: JsonColumn<JsonObject>
  sealed: Sealed
}

export type AdmissionRow = Selectable<AdmissionsTable>
