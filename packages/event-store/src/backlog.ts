import type { EventStore } from './event-store.js'
import type { StoredEvent } from './events.js'

/** What lies in the log behind a place. `isMore`: counting ended before the log did. */
export type Backlog = { events: number; isMore: boolean; oldestAt: string | undefined }

/**
 * Counts the events behind a place in the log, reading no more than `most` of them, the system's own included.
 *
 * @throws unavailable `event-store/away`
 */
export const backlogAfter = async (
  store: Pick<EventStore, 'readAll'>,
  after: bigint | 'start',
  { isMeant, most }: { isMeant: (event: StoredEvent) => boolean; most: number },
): Promise<Backlog> => {
  const { events, isLast } = await store.readAll({ after, maxCount: most })
  const meant = events.filter(isMeant)
  return { events: meant.length, isMore: !isLast, oldestAt: meant[0]?.createdAt }
}
