import type { EventStore } from './event-store.js'
import type { StoredEvent } from './events.js'

/**
 * When an event happened, as it is told on the bus and over HTTP: the timestamp of its writer, kept in its metadata; of an
 * event without one, the time at which the store wrote it.
 */
export const happenedAt = ({ metadata, createdAt }: Pick<StoredEvent, 'metadata' | 'createdAt'>): string =>
  typeof metadata.timestamp === 'string' ? metadata.timestamp : createdAt

/** How far the clocks of writers and of the store may be apart without an event of the window being missed. */
export const clockSkewMs = 15 * 60_000

/** A span of time, the end not included, in ISO 8601 UTC. Without `to` there is no end but `until`. */
export type Window = {
  from: string
  to?: string | undefined
  /** Nothing stored after this position belongs to it. */
  until?: bigint | undefined
}

/** Some events of a window, in the order of the log, and the position up to which there is no other before the next part. */
export type WindowPart = { events: StoredEvent[]; position: bigint }

const pageSize = 1_000

/**
 * The events of ours that happened in a window, in the order of the log, in parts; the last part ends where the window or the
 * log does. The next page is under way while a part is worked on.
 *
 * @param after a position before the window's first event, as far as one is known, or the last position handled
 * @throws unavailable `event-store/away`
 */
export async function* readWindow(
  store: Pick<EventStore, 'readAll'>,
  { from, to, until }: Window,
  after: bigint | 'start',
  signal: AbortSignal,
): AsyncGenerator<WindowPart, void, undefined> {
  const first = Date.parse(from)
  const end = to === undefined ? Infinity : Date.parse(to)
  const isWithin = (event: StoredEvent): boolean => {
    const at = Date.parse(happenedAt(event))
    return at >= first && at < end && (until === undefined || event.position <= until)
  }
  const isBeyond = (event: StoredEvent | undefined): boolean =>
    event !== undefined &&
    ((until !== undefined && event.position >= until) || Date.parse(event.createdAt) >= end + clockSkewMs)
  let next = store.readAll({ after, maxCount: pageSize })
  for (;;) {
    const page = await next
    const isLast = page.isLast || isBeyond(page.events.at(-1))
    if (signal.aborted) return
    if (!isLast) {
      next = store.readAll({ after: page.position, maxCount: pageSize })
      next.catch(() => undefined) // heard where it is awaited, if ever
    }
    if (page.position !== 'start') yield { events: page.events.filter(isWithin), position: page.position }
    if (isLast) return
  }
}
