import { familyOf } from './errors.js'

export type Batching<Item> = {
  /** How many items a batch may have. */
  most: number
  /** Items with the same key never share a batch. */
  keyOf?: (item: Item) => string
  /** How many batches may be under way at once; one unless said otherwise. Items with the same key may then be worked off side by side. */
  atOnce?: number
}

/**
 * Works off together what is asked for at about the same time: what comes while a batch is under way makes the next one. So a
 * lone item waits for nobody, and the busier it is, the fuller the batches.
 *
 * When a batch fails, each of its items is worked off alone, so that one that can never be done fails by itself; but not when
 * a server is `unavailable`, since that is no item's fault.
 *
 * @param work all or none; its results in the order of the items
 */
export const inBatches = <Item, Result = void>(
  { most, keyOf, atOnce = 1 }: Batching<Item>,
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
): ((item: Item) => Promise<Result>) => {
  type Waiting = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }
  let waiting: Waiting[] = []
  let underWay = 0

  const take = (): Waiting[] => {
    const keys = new Set<string>()
    const batch: Waiting[] = []
    const left: Waiting[] = []
    for (const one of waiting) {
      const key = keyOf?.(one.item)
      if (batch.length === most || (key !== undefined && keys.has(key))) left.push(one)
      else batch.push(one)
      if (key !== undefined) keys.add(key)
    }
    waiting = left
    return batch
  }

  const workOff = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const results = await work(batch.map(({ item }) => item))
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result))
    } catch (error) {
      if (batch.length > 1 && familyOf(error) !== 'unavailable') for (const one of batch) await workOff([one])
      else for (const { reject } of batch) reject(error)
    }
  }

  const run = async (): Promise<void> => {
    while (waiting.length > 0) await workOff(take())
    underWay--
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (underWay === atOnce) return
      underWay++
      setImmediate(() => void run()) // whatever arrived in the same read of a socket comes along
    })
}
