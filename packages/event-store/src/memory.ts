import { LRUCache } from 'lru-cache'

/**
 * The hot aggregates: so many, and so much in all. What was used least recently goes first.
 *
 * `doubtful`: an append ended unknown. Its events may be stored yet, under the ids that the next attempt will use, in which
 * case the store keeps the first ones; so what that attempt appends must not be remembered as if it were stored.
 */
export class Memory<Stream extends { weight(): number }> {
  private readonly streams: LRUCache<string, { is: Stream | 'doubtful' }>

  constructor({ most, maxWeight }: { most: number; maxWeight: number }) {
    this.streams = new LRUCache({
      max: most,
      maxSize: maxWeight,
      sizeCalculation: ({ is }) => (is === 'doubtful' ? 1 : is.weight()),
    })
  }

  get(stream: string): Stream | 'doubtful' | undefined {
    return this.streams.get(stream)?.is
  }

  /** To be called again when it has grown; one that alone is too heavy is not kept. */
  keep(stream: string, is: Stream | 'doubtful'): void {
    this.streams.set(stream, { is }) // a new object, as only that is weighed anew
  }

  forget(stream: string): void {
    this.streams.delete(stream)
  }
}
