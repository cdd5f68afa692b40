import type { Selectable } from 'kysely'
import type { JsonObject } from '@journey/domain'
import type { DefaultedTime, JsonColumn, Optional, Time } from '../columns.js'

/** A command to be published once its time has come. */
export type TimersTable = {
  timer_id: string
  kind: string
  due_at: Time
  command: JsonColumn<JsonObject>
  work_id: Optional<string>
  created_at: DefaultedTime
}

export type TimerRow = Selectable<TimersTable>
