import { malformed } from '@journey/runtime'
import { anyFromStored, fromBus, fromStored, type AnyRecorded, type Recorded, type Stored } from './event.js'
import type { HeardEvent, Proofs } from './proof.js'
import { ourStreams } from './selection.js'

/** Reads a range of a stream of the event store; fewer events when there are fewer. */
export type ReadPlace = (stream: string, range: { from: number; maxCount: number }) => Promise<readonly Stored[]>

/**
 * Looks up in the event store what an unproven message tells of: one reading of one event, none for what can stand nowhere. What
 * stands there is the truth, whatever the message says of it.
 *
 * @throws malformed `event/foreign` when the stream does not have that event there, and as `fromStored`
 */
const looksUp =
  <Event extends AnyRecorded>(recordedOf: (stored: Stored) => Event | undefined) =>
  async (read: ReadPlace, { id, stream, revision }: AnyRecorded): Promise<Event> => {
    const [there] = canStand(stream, revision) ? await read(stream, { from: revision, maxCount: 1 }) : []
    const recorded = there?.revision === revision ? recordedOf(there) : undefined
    if (recorded?.id === id) return recorded
    throw malformed(
      'event/foreign',
      `Event ${id.slice(0, 100)} bears no proof of the relay, and is not revision ${revision} of ${stream.slice(0, 300)}`,
    )
  }

/** One of ours. */
export const standingOf = looksUp(fromStored)

/** One of ours, or what others said once it was recorded. */
export const anyStandingOf = looksUp(anyFromStored)

/**
 * An event off the bus that nobody but our relay can have put into anyone's mouth: a proven one as it came, any other one as the
 * event store has it.
 *
 * @throws malformed as `fromBus` and `standingOf`; unavailable `event-store/away`
 */
export const readProven = async (
  proofs: Pick<Proofs, 'hold'>,
  read: ReadPlace,
  message: HeardEvent,
): Promise<Recorded> => {
  const event = fromBus(message.body)
  return proofs.hold(message) ? event : standingOf(read, event)
}

/** Names of our streams are made of ids, which have these characters alone. */
const canStand = (stream: string, revision: number): boolean =>
  ourStreams.some((prefix) => stream.startsWith(prefix)) &&
  /^[\w.-]{1,300}$/.test(stream) &&
  Number.isSafeInteger(revision) &&
  revision >= 0
