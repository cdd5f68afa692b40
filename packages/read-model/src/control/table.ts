import type { Selectable } from 'kysely'
import type { ControlAction } from '@journey/contracts'
import type { Actor } from '@journey/domain'
import type { Defaulted, DefaultedTime, JsonColumn, Optional } from '../columns.js'

/** What operators broadcast to the services: to those named, or to all. */
export type ControlActionsTable = {
  id: Defaulted<number>
  action: ControlAction
  services: Optional<string[]>
  log_level: Optional<string>
  reason: Optional<string>
  actor: JsonColumn<Actor>
  at: DefaultedTime
}

export type ControlActionRow = Selectable<ControlActionsTable>
