import type { Selectable } from 'kysely'
import type { DefaultedTime, Position, Time } from '../columns.js'

/** How far a reader of `$all` has come. */
export type CheckpointsTable = { name: string; position: Position; at: DefaultedTime }

/** Now and then a position with its time, because EventStoreDB starts reading at positions, not at times. */
export type PositionIndexTable = { position: Position; at: Time }

export type CheckpointRow = Selectable<CheckpointsTable>
