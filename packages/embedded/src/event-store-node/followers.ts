/** What a subscription follows: a closed set, for labels. */
export const followed = ['all', 'stream'] as const
export type Followed = (typeof followed)[number]

/** One open subscription, as its figures see it. */
export class Follower {
  #lastAtEndMs = Date.now()
  #lastSentMs: number | undefined

  constructor(
    readonly kind: Followed,
    /** Events that are committed and not yet on their way to the subscriber. */
    readonly lag: () => bigint,
  ) {}

  /** The subscriber took an event that was written then, in ticks of 100 ns since 1970. */
  sent(created: bigint | undefined): void {
    if (created !== undefined) this.#lastSentMs = Number(created / 10_000n)
  }

  /** There was nothing left to send. */
  atEnd(): void {
    this.#lastAtEndMs = Date.now()
  }

  /**
   * How far behind it is in time. An event that follows a long silence is not late yet, and one that keeps up with a busy log is
   * never quite at its end; so both the last event taken and the last time at the end speak for it.
   */
  lagSeconds(): number {
    if (this.lag() <= 0n) return 0
    return Math.max(0, Date.now() - Math.max(this.#lastAtEndMs, this.#lastSentMs ?? 0)) / 1_000
  }
}

/** The open subscriptions. */
export class Followers {
  readonly #open = new Set<Follower>()

  add(follower: Follower): Follower {
    this.#open.add(follower)
    return follower
  }

  remove(follower: Follower): void {
    this.#open.delete(follower)
  }

  /** How many there are of one kind, and how far the slowest is behind. */
  figures(kind: Followed): { open: number; lagEvents: number; lagSeconds: number } {
    const figures = { open: 0, lagEvents: 0, lagSeconds: 0 }
    for (const follower of this.#open) {
      if (follower.kind !== kind) continue
      figures.open++
      figures.lagEvents = Math.max(figures.lagEvents, Number(follower.lag()))
      figures.lagSeconds = Math.max(figures.lagSeconds, follower.lagSeconds())
    }
    return figures
  }
}
