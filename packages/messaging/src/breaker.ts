import { codeOf, familyOf, type Log } from '@journey/runtime'
import { setTimeout as delay } from 'node:timers/promises'
import type { BusMeters } from './meters.js'
import { deferred, growingDelay, orAborted, type Deferred } from './waiting.js'

export type BreakerOptions = {
  /** Names what is paused, for the log and the meters: the consumer's queue. */
  name: string
  /** Asks whether the servers needed are back: resolves if so. Without it the waiting work is the question. */
  probe?: () => Promise<void>
  log: Log
  meters?: BusMeters
  firstDelayMs?: number
  mostDelayMs?: number
}

/**
 * Holds work back while a server it needs is away. The first `unavailable` opens it for all; after a delay, which grows until
 * some work goes through, and a probe that resolves, the waiting work is let through again.
 */
export interface Breaker {
  readonly isOpen: boolean
  /** What opened it, or the probe's last answer, while open; for `/ready`. */
  readonly reason: unknown
  /**
   * Does the work once the breaker lets it, again for as long as it ends as `unavailable`, and resolves or rejects with any
   * other end.
   *
   * @throws the signal's reason, when it is aborted while waiting
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

export const createBreaker = (options: BreakerOptions): Breaker => {
  const { name, probe, log, meters, firstDelayMs = 200, mostDelayMs = 10_000 } = options
  /** While open; resolved when the work is let through again. */
  let pause: Deferred<void> | undefined
  /** Raised at each opening: of the work that was under way together, one failure counts. */
  let epoch = 0
  let failures = 0
  let reason: unknown
  meters?.breakerOpen.set({ queue: name }, 0)

  const open = (error: unknown): void => {
    if (failures === 0) log.warn({ err: error, code: codeOf(error), paused: name }, 'paused: a server is away')
    epoch++
    failures++
    reason = error
    meters?.breakerOpen.set({ queue: name }, 1)
    pause = deferred()
    void letThroughLater(pause)
  }

  const letThroughLater = async (opened: Deferred<void>): Promise<void> => {
    for (;;) {
      await delay(growingDelay(failures, firstDelayMs, mostDelayMs), undefined, { ref: false })
      try {
        await probe?.()
        break
      } catch (error) {
        failures++
        reason = error
      }
    }
    pause = undefined
    meters?.breakerOpen.set({ queue: name }, 0)
    opened.resolve()
  }

  const wentThrough = (): void => {
    if (failures === 0) return
    log.info({ failures, paused: name }, 'goes on: the server is back')
    failures = 0
    reason = undefined
  }

  return {
    get isOpen() {
      return pause !== undefined
    },
    get reason() {
      return reason
    },
    run: async (work, signal) => {
      for (;;) {
        while (pause) {
          await orAborted(pause.promise, signal)
          signal.throwIfAborted()
        }
        const begun = epoch
        try {
          const result = await work()
          if (begun === epoch) wentThrough()
          return result
        } catch (error) {
          if (familyOf(error) !== 'unavailable') {
            if (begun === epoch) wentThrough()
            throw error
          }
          if (begun === epoch) open(error)
          signal.throwIfAborted()
        }
      }
    },
  }
}
