import type { Selectable } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Figure } from '@journey/runtime'
import type { DefaultedTime, JsonColumn } from '../columns.js'

/** What each running service last said of itself; unlogged, since it is worth nothing after a crash. */
export type ServiceFiguresTable = {
  service: string
  /** Host and process. */
  instance: string
  started_at: Instant
  at: DefaultedTime
  figures: JsonColumn<Figure[]>
}

export type ServiceFiguresRow = Selectable<ServiceFiguresTable>
