import type { Appended, EventStore, Expected } from './event-store.js'
import type { NewEvent, StoredEvent } from './events.js'

/** What makes events unreadable on their way into the store, and readable on their way out. */
export interface Seal {
  seal: (stream: string, events: readonly NewEvent[]) => Promise<NewEvent[]>
  open: (events: readonly StoredEvent[]) => Promise<StoredEvent[]>
}

/**
 * An event store in which content lies sealed: whoever appends and reads through it sees nothing of that. Snapshots are events
 * like all others. Errors of the seal pass through as they are.
 */
export const sealedStore = (store: EventStore, { seal, open }: Seal): EventStore => {
  const openOne = async (event: StoredEvent): Promise<StoredEvent> => (await open([event]))[0]!

  async function* readEach(...args: Parameters<EventStore['readEach']>) {
    // Opened together, as they arrive in bunches, and a key is looked up once for all of them.
    let some: StoredEvent[] = []
    for await (const event of store.readEach(...args)) {
      some.push(event)
      if (some.length < openedAtOnce) continue
      yield* await open(some)
      some = []
    }
    if (some.length > 0) yield* await open(some)
  }

  return {
    append: async (stream: string, expected: Expected, events: readonly NewEvent[]): Promise<Appended> =>
      store.append(stream, expected, await seal(stream, events)),
    read: async (stream, options) => open(await store.read(stream, options)),
    readEach,
    readLast: async (stream) => {
      const event = await store.readLast(stream)
      return event && openOne(event)
    },
    readAll: async (options) => {
      const page = await store.readAll(options)
      return { ...page, events: await open(page.events) }
    },
    subscribeToAll: async function* (options) {
      for await (const delivery of store.subscribeToAll(options))
        yield delivery.kind === 'event' ? { kind: 'event', event: await openOne(delivery.event) } : delivery
    },
    end: () => store.end(),
    check: () => store.check(),
    stop: () => store.stop(),
  }
}

const openedAtOnce = 64
