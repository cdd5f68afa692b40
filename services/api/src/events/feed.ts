import { setTimeout as sleep } from 'node:timers/promises'
import { ourStreams } from '@journey/contracts'
import type { EventStore, StoredEvent } from '@journey/event-store'
import { messageOf, type Log } from '@journey/runtime'

/** A part of the log, in order: its events, and the position up to which nothing is missing. */
export type Part = { events: readonly StoredEvent[]; position: bigint }

/** The log live, for many at once, over one subscription. */
export interface Feed {
  /**
   * The events behind a place and then live ones, nothing lost or repeated, part by part. A part without events tells that it has begun, and
   * comes whenever nothing has happened for `beatMs`. The next part is looked for when it is asked for, so a slow reader costs nothing but its own time.
   *
   * @param after behind what is stored now, if not given
   * @throws unavailable `event-store/away` while older events are read: go on after the last position that was handed out
   */
  follow(options: { after: bigint | undefined; signal: AbortSignal }): AsyncGenerator<Part, void, undefined>
  /** How many follow now. */
  readonly followers: number
  /** Ends every follower, in order, without an error. */
  stop(): void
}

/** Followers that are farther behind than this read from the store until they are near again. */
const mostRecent = 1_000
const mostRecentBytes = 8 * 1024 * 1024
const pageSize = 500
const mostPauseMs = 5_000

/** What was stored of late. Of everything behind `floor` up to `end` that is ours, nothing is missing in `events`. */
type Recent = { floor: bigint; end: bigint; events: { event: StoredEvent; bytes: number }[]; bytes: number }

export const createFeed = (options: {
  store: Pick<EventStore, 'readAll' | 'subscribeToAll' | 'end'>
  log: Log
  beatMs?: number
}): Feed => {
  const { store, log, beatMs = 15_000 } = options
  const stopping = new AbortController()
  const wakers = new Set<() => void>()
  let followers = 0
  let recent: Recent | undefined
  let listening: { ready: Promise<Recent>; end: AbortController } | undefined

  const wake = () => {
    for (const one of [...wakers]) one()
  }

  const remember = (into: Recent, event: StoredEvent): void => {
    const bytes = JSON.stringify(event.data).length
    into.events.push({ event, bytes })
    into.end = event.position
    into.bytes += bytes
    while (into.events.length > mostRecent || into.bytes > mostRecentBytes) {
      const gone = into.events.shift()!
      into.floor = gone.event.position
      into.bytes -= gone.bytes
    }
  }

  /** Keeps `into` up to date until the signal, through losses of the connection. */
  const listen = async (into: Recent, signal: AbortSignal): Promise<void> => {
    for (let failures = 0; !signal.aborted;) {
      try {
        for await (const delivery of store.subscribeToAll({ after: into.end, streamPrefixes: ourStreams, signal })) {
          failures = 0
          if (delivery.kind === 'event') remember(into, delivery.event)
          else if (delivery.kind === 'checkpoint') into.end = delivery.position
          else continue
          wake()
        }
      } catch (error) {
        if (isAborted(signal)) return
        log.debug({ reason: messageOf(error), failures: ++failures }, 'the live feed was cut off; it goes on')
        await sleep(Math.min(200 * 2 ** failures, mostPauseMs), undefined, { signal }).catch(() => undefined)
      }
    }
  }

  const join = (): Promise<Recent> => {
    if (listening) return listening.ready
    const end = new AbortController()
    const begin = async (): Promise<Recent> => {
      const last = await store.end()
      const floor = last === 'start' ? 0n : last
      recent = { floor, end: floor, events: [], bytes: 0 }
      void listen(recent, end.signal)
      return recent
    }
    const ready = begin()
    listening = { ready, end }
    ready.catch(() => (listening = undefined)) // the next follower tries again
    return ready
  }

  const leave = (): void => {
    if (--followers > 0) return
    listening?.end.abort()
    listening = undefined
    recent = undefined
  }

  const news = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        wakers.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, beatMs)
      wakers.add(done)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })

  async function* follow({ after, signal: gone }: Parameters<Feed['follow']>[0]) {
    const signal = AbortSignal.any([gone, stopping.signal])
    followers++
    try {
      const now = await join()
      let cursor = after ?? now.end
      yield { events: [], position: cursor }
      while (!isAborted(signal)) {
        if (cursor < now.floor) {
          const page = await store.readAll({ after: cursor === 0n ? 'start' : cursor, maxCount: pageSize })
          if (page.position !== 'start' && page.position > cursor) cursor = page.position
          else if (page.isLast) cursor = now.floor // what lay in between was removed
          yield { events: page.events, position: cursor }
          continue
        }
        const events = behind(now, cursor)
        const end = events.length === 0 ? now.end : events.at(-1)!.position
        if (end > cursor) cursor = end
        if (events.length === 0) {
          await news(signal)
          if (isAborted(signal) || now.end > cursor) continue
        }
        yield { events, position: cursor }
      }
    } finally {
      leave()
    }
  }

  return {
    follow,
    get followers() {
      return followers
    },
    stop: () => stopping.abort(),
  }
}

const behind = ({ events }: Recent, cursor: bigint): StoredEvent[] => {
  let first = events.length
  while (first > 0 && events[first - 1]!.event.position > cursor) first--
  return events.slice(first).map(({ event }) => event)
}

/** A function, since the compiler does not know that a signal changes while one waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted
