import { ourStreams, selectionOf, toBus, type BusEvent, type EventSelection } from '@journey/contracts'
import { clockSkewMs, happenedAt, type EventStore, type StoredEvent } from '@journey/event-store'

/** An event as callers see it, and its place in the log. */
export type Shown = { position: bigint; event: BusEvent }

export type EventQuery = EventSelection & {
  /** Only those that happened at this time or later; ISO 8601, UTC. */
  from: string | undefined
  /** Only those behind this place. */
  after: bigint | undefined
  limit: number
}

/** `position`: everything up to it was looked at. `isLast`: nothing lay behind it. */
export type EventPage = { items: Shown[]; position: bigint | undefined; isLast: boolean }

/** Events looked at in one request at most, whatever is found among them: about a quarter of a second. */
const mostRead = 5_000
const pageSize = 1_000

/**
 * The event as it goes over the bus, but for the tokens of attempts: whoever reads events must not be able to answer for an agent.
 * Undefined for what is not ours. The one place where the API turns stored events into shown ones.
 */
export const shownOf = (stored: StoredEvent): Shown | undefined => {
  if (!ourStreams.some((prefix) => stored.stream.startsWith(prefix))) return undefined
  const event = toBus(stored)
  if (!event) return undefined
  const { token: _, ...data } = event.data
  return { position: stored.position, event: { ...event, data } }
}

/** Reads a page of the log; its work is bounded, so it may hold fewer events than asked for, or none, and not be the last. */
export const readEvents = async (
  store: Pick<EventStore, 'readAll'>,
  positionBefore: (at: string) => Promise<bigint | undefined>,
  { from, after, limit, ...selection }: EventQuery,
): Promise<EventPage> => {
  const isMeant = selectionOf(selection)
  const since = from === undefined ? -Infinity : Date.parse(from)
  const items: Shown[] = []
  let position =
    after ??
    (from === undefined ? undefined : await positionBefore(new Date(Date.parse(from) - clockSkewMs).toISOString()))
  for (let read = 0; read < mostRead; read += pageSize) {
    const page = await store.readAll({ after: position ?? 'start', maxCount: pageSize })
    for (const stored of page.events) {
      const shown = isMeant(stored) && Date.parse(happenedAt(stored)) >= since ? shownOf(stored) : undefined
      if (!shown) continue
      if (items.length === limit) return { items, position: items.at(-1)!.position, isLast: false }
      items.push(shown)
    }
    if (page.position !== 'start') position = page.position
    if (page.isLast) return { items, position, isLast: true }
  }
  return { items, position, isLast: false }
}
