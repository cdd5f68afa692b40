import type { RecordedEvent } from './recorded-event.js'

/** Rings when something was committed that its owner listens for; a ring that nobody waits for is remembered. */
export class Alarm {
  /** Nothing the owner listens for was committed between the last wait and this position. */
  quietUntil = 0n
  #rung = false
  #wake: (() => void) | undefined

  ring(quietUntil: bigint): void {
    if (!this.#rung) this.quietUntil = quietUntil
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves when it has rung since the last wait, or at once when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal.addEventListener('abort', this.#onAbort)
      })
    signal.removeEventListener('abort', this.#onAbort)
    this.#wake = undefined
    this.#rung = false
  }

  readonly #onAbort = (): void => this.#wake?.()
}

/**
 * The most recent committed events, in memory, and who waits for more. What subscribers read near the end of the log comes from
 * here, all else from PostgreSQL. Bounded by the number of events and of their bytes.
 */
export class Tail {
  /** Forgotten events leave an empty place behind until the array is cut. */
  #events: (RecordedEvent | undefined)[] = []
  #start = 0
  #bytes = 0
  #committed = 0n
  readonly #ofAll = new Set<Alarm>()
  readonly #ofStream = new Map<string, Set<Alarm>>()

  constructor(private readonly limits: { events: number; bytes: number }) {}

  /** Position of the last committed event. */
  get committed(): bigint {
    return this.#committed
  }

  /** Forgets everything: the log ends at this position, and what was committed meanwhile is read from PostgreSQL. */
  reset(committed: bigint): void {
    const before = this.#committed
    this.#events = []
    this.#start = 0
    this.#bytes = 0
    this.#committed = committed
    for (const alarm of this.#ofAll) alarm.ring(before)
    for (const alarms of this.#ofStream.values()) for (const alarm of alarms) alarm.ring(before)
  }

  /** Takes in the events of one commit and wakes whom they concern. */
  append(events: readonly RecordedEvent[]): void {
    const last = events.at(-1)
    if (!last) return
    const before = this.#committed
    for (const event of events) {
      this.#events.push(event)
      this.#bytes += sizeOf(event)
    }
    this.#committed = last.position
    this.#trim()
    for (const alarm of this.#ofAll) alarm.ring(before)
    if (this.#ofStream.size > 0)
      for (const stream of new Set(events.map((event) => event.stream)))
        for (const alarm of this.#ofStream.get(stream) ?? []) alarm.ring(before)
  }

  /** The first events after a position, at most `limit`; undefined when they are no longer in memory. */
  after(position: bigint, limit: number): RecordedEvent[] | undefined {
    if (position >= this.#committed) return []
    const first = this.#events[this.#start]
    if (!first || position + 1n < first.position) return undefined
    const index = this.#start + Number(position + 1n - first.position)
    return this.#events.slice(index, index + limit) as RecordedEvent[]
  }

  /** Rings at each commit, or at each that touches the stream named. */
  listen(stream?: string): Alarm {
    const alarm = new Alarm()
    if (stream === undefined) this.#ofAll.add(alarm)
    else this.#ofStream.set(stream, (this.#ofStream.get(stream) ?? new Set()).add(alarm))
    return alarm
  }

  unlisten(alarm: Alarm, stream?: string): void {
    this.#ofAll.delete(alarm)
    if (stream === undefined) return
    const alarms = this.#ofStream.get(stream)
    alarms?.delete(alarm)
    if (alarms?.size === 0) this.#ofStream.delete(stream)
  }

  get listeners(): number {
    let count = this.#ofAll.size
    for (const alarms of this.#ofStream.values()) count += alarms.size
    return count
  }

  #trim(): void {
    while (this.#events.length - this.#start > this.limits.events || this.#bytes > this.limits.bytes) {
      const oldest = this.#events[this.#start]
      if (!oldest) break
      this.#bytes -= sizeOf(oldest)
      this.#events[this.#start++] = undefined
    }
    if (this.#start < this.#events.length / 2) return
    this.#events = this.#events.slice(this.#start)
    this.#start = 0
  }
}

/** About what an event costs in memory beside its bytes. */
const overhead = 300
const sizeOf = ({ data, metadata }: RecordedEvent): number => data.length + metadata.length + overhead
