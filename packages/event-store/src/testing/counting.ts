import type { EventStore } from '../index.js'

/** A store that counts what it is asked for: reads by stream, and appends by the code they end with (`ok`). */
export const counting = (store: EventStore): EventStore & { reads: string[]; events: number; appends: string[] } => {
  const counted = {
    ...store,
    reads: [] as string[],
    events: 0,
    appends: [] as string[],
    read: async (...[stream, options]: Parameters<EventStore['read']>) => {
      counted.reads.push(stream)
      const events = await store.read(stream, options)
      counted.events += events.length
      return events
    },
    readEach: async function* (...[stream, options]: Parameters<EventStore['readEach']>) {
      counted.reads.push(stream)
      for await (const event of store.readEach(stream, options)) {
        counted.events += 1
        yield event
      }
    },
    readLast: (stream: string) => {
      counted.reads.push(stream)
      return store.readLast(stream)
    },
    append: async (...[stream, expected, events]: Parameters<EventStore['append']>) => {
      try {
        const appended = await store.append(stream, expected, events)
        counted.appends.push('ok')
        return appended
      } catch (error) {
        counted.appends.push((error as { code?: string }).code ?? 'bug')
        throw error
      }
    },
  }
  return counted
}
