import type { DefaultedTime } from '../columns.js'

/** What was begun and not ended by a process that lived to do so; a row goes as soon as its work is done. */
export type BegunDeliveriesTable = {
  /** The queue, or the ordered consumer. */
  place: string
  /** A digest of the message, or the stream. */
  subject: string
  /** How often, the one under way included. */
  begun: number
  first_at: DefaultedTime
  last_at: DefaultedTime
}
