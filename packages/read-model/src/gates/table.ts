import type { Selectable } from 'kysely'
import type { Instant } from '@journey/domain'
import type { OptionalTime } from '../columns.js'

/** The last revision of a stream that a consumer has applied; -1 when it has applied none yet. */
export type ProjectionGatesTable = { consumer: string; stream: string; revision: number }

/**
 * A stream that a consumer put aside because one of its events could not be applied. Everything from `first_revision` on
 * waits, until someone retries or the stream it waits for appears.
 */
export type ParkedStreamsTable = {
  consumer: string
  stream: string
  first_revision: number
  last_seen: number
  code: string
  message: string
  waits_for_stream: string | null
  parked_at: Instant
  /** How often applying it was tried. */
  attempts: number
  /** Since when somebody wants it left out; null while it waits for a retry. */
  discarded_at: OptionalTime
}

export type ParkedStream = Selectable<ParkedStreamsTable>
