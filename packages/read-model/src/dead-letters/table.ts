import type { ColumnType, Selectable } from 'kysely'
import type { Actor, Instant, JsonObject } from '@journey/domain'
import type {
  Defaulted,
  DefaultedTime,
  JsonColumn,
  JsonText,
  NullableJsonColumn,
  Optional,
  OptionalTime,
  Sealed,
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
  /** How often it was retried; part of the mark that a retry carries, so that only its own end counts. */
  retries: Defaulted<number>
  retried_at: OptionalTime
  /** When the latest retry was safe on the bus; null while it is only intended. */
  published_at: OptionalTime
  /** What is published instead of `body`: a command mended by hand. */
  edited_body: Optional<Buffer>
  /** The deaths before the one that the row tells of, the oldest first. */
  tries: ColumnType<DeadLetterTry[], JsonText<DeadLetterTry[]> | undefined, JsonText<DeadLetterTry[]>>
  sealed: Sealed
}

export type DeadLetterTry = {
  retry: number
  reason: string
  code: string
  message: string
  service: string | null
  at: Instant
}

/** Who did what with a dead letter or, by consumer and stream, with a parked stream, and why. */
export type DeadLetterActionsTable = {
  id: Defaulted<string>
  dead_letter_id: Optional<string>
  consumer: Optional<string>
  stream: Optional<string>
  action: 'retry' | 'edit' | 'discard' | 'resolve' | 'reopen'
  actor: JsonColumn<Actor>
  reason: Optional<string>
  details: NullableJsonColumn<JsonObject>
  at: DefaultedTime
}

/** A retry of many dead letters: a set frozen at its beginning, and how far it has come. */
export type DeadLetterJobsTable = {
  id: string
  filter: JsonColumn<JsonObject>
  /** Messages per second at most. */
  rate: number
  /** It stops once so many of its messages have failed again. */
  stop_after: number
  reason: Optional<string>
  requested_by: JsonColumn<Actor>
  state: 'running' | 'completed' | 'stopped' | 'cancelled'
  total: number
  done: Defaulted<number>
  created_at: DefaultedTime
  updated_at: DefaultedTime
  ended_at: OptionalTime
}

/** One of a job's set. Without outcome it waits; `skipped` was no longer open when its turn came, or cannot be retried. */
export type DeadLetterJobItemsTable = {
  job_id: string
  n: number
  /** As the list gives it; a parked stream's too. */
  dead_letter_id: string
  outcome: Optional<'retried' | 'skipped'>
  /** Which retry of its dead letter this was. */
  retry: Optional<number>
}

export type DeadLetterJobRow = Selectable<DeadLetterJobsTable>
export type DeadLetterRow = Selectable<DeadLettersTable>
export type DeadLetterAction = Selectable<DeadLetterActionsTable>
