import { fromStored, type Recorded } from '@journey/contracts'
import { createEventStore, type StoredEvent } from '@journey/event-store'
import { silentLog } from '@journey/runtime'

/** Every event of ours in the store, in the order of the log. */
export const readLog = async (url: string): Promise<Recorded[]> => {
  const store = createEventStore({ url, log: silentLog() })
  try {
    const stored: StoredEvent[] = []
    for (let after: bigint | 'start' = 'start', isLast = false; !isLast;) {
      const page = await store.readAll({ after, maxCount: 500 })
      stored.push(...page.events)
      after = page.position
      isLast = page.isLast
    }
    return stored.flatMap((event) => fromStored(event) ?? [])
  } finally {
    await store.stop()
  }
}
