import type { CommandAnswer, CommandStatus } from '@journey/contracts'
import type { Selectable } from 'kysely'
import type { ColumnType } from 'kysely'
import type { DefaultedTime, JsonText, NullableJsonColumn, Optional, OptionalTime, Sealed } from '../columns.js'

/** Commands by their idempotency key: claimed before they are decided, settled with their outcome. */
export type CommandsTable = {
  command_id: string
  command_type: Optional<string>
  /** Of type and data; null for one that could not be read. */
  digest: Optional<string>
  status: CommandStatus
  stream: Optional<string>
  revision: Optional<number>
  /** Bus types of the events it led to. */
  events: ColumnType<string[], JsonText<string[]> | undefined, JsonText<string[]>>
  error: NullableJsonColumn<NonNullable<CommandAnswer['error']>>
  correlation_id: Optional<string>
  source: Optional<string>
  claimed_by: Optional<string>
  claimed_at: OptionalTime
  received_at: DefaultedTime
  settled_at: OptionalTime
  /** The stream it was meant for. */
  about: Optional<string>
  sealed: Sealed
}

export type CommandRow = Selectable<CommandsTable>
