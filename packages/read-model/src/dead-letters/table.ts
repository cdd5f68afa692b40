import type { Selectable } from 'kysely'
import type { Actor, JsonObject } from '@journey/domain'
import type {
  Defaulted,
  DefaultedTime,
  JsonColumn,
  NullableJsonColumn,
  Optional,
  OptionalTime,
  Time,
} from '../columns.js'

export type DeadLetterState = 'open' | 'retrying' | 'resolved' | 'discarded'

/** A dead letter as it came, and what became of it. */
export type DeadLettersTable = {
  id: string
  /** The work queue it died in. */
  queue: string
  /** Where it was first published to, and what it was. */
  exchange: Optional<string>
  routing_key: Optional<string>
  message_id: Optional<string>
  type: Optional<string>
  body: Buffer
  properties: JsonColumn<JsonObject>
  headers: JsonColumn<JsonObject>
  reason: string
  code: string
  message: string
  service: Optional<string>
  attempts: number
  client_id: Optional<string>
  command_id: Optional<string>
  /** Equal for dead letters with the same cause. */
  signature: string
  first_at: Time
  last_at: Time
  state: DeadLetterState
  created_at: DefaultedTime
  closed_at: OptionalTime
}

/** Who did what with a dead letter or, by consumer and stream, with a parked stream, and why. */
export type DeadLetterActionsTable = {
  id: Defaulted<string>
  dead_letter_id: Optional<string>
  consumer: Optional<string>
  stream: Optional<string>
  action: 'retry' | 'edit' | 'discard' | 'resolve'
  actor: JsonColumn<Actor>
  reason: Optional<string>
  details: NullableJsonColumn<JsonObject>
  at: DefaultedTime
}

export type DeadLetterRow = Selectable<DeadLettersTable>
export type DeadLetterAction = Selectable<DeadLetterActionsTable>
