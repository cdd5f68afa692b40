import type { EventStore, Expected } from './event-store.js'
import type { NewEvent } from './events.js'

/** An event that would be appended, with the place that it would have. */
export type Noted = NewEvent & { stream: string; revision: number }

/**
 * An event store that reads as the one behind it and appends nothing: it only notes what would be appended, and where. Whoever decides on
 * it decides as in earnest, once; what it noted it does not read back.
 */
export const notingStore = (store: EventStore): { store: EventStore; noted: Noted[] } => {
  const noted: Noted[] = []
  const revisionOf = async (stream: string, expected: Expected): Promise<number> => {
    if (typeof expected === 'number') return expected
    return expected === 'no_stream' ? -1 : ((await store.readLast(stream))?.revision ?? -1)
  }
  const append = async (stream: string, expected: Expected, events: readonly NewEvent[]) => {
    const before = await revisionOf(stream, expected)
    noted.push(...events.map((event, index) => ({ ...event, stream, revision: before + 1 + index })))
    return { revision: before + events.length }
  }
  return { store: { ...store, append }, noted }
}
