import type { Attempted } from '@journey/read-model'
import { codeOf, familyOf, type Log, type Part } from '@journey/runtime'

export type CourierOptions = {
  /** Tries the most overdue delivery, if one is due; calls `claimed` as soon as it has found one. */
  attemptNext: (claimed: () => void) => Promise<Attempted>
  /** How many deliveries are under way at once. */
  concurrency: number
  log: Log
  /** How long a courier that knows of nothing due looks away: time for another instance to leave something behind. */
  lookEveryMs?: number
  /** After an error; doubles up to 10 s. */
  firstDelayMs?: number
}

/**
 * Sends what is due, as soon as it is due: at its start what an earlier life left, then whenever told of something new, and
 * when a pause is over. Asks the database at those moments only. `stop()` waits for attempts under way.
 */
export const createCourier = (options: CourierOptions): Part & { ring(): void } => {
  const { attemptNext, concurrency, log, lookEveryMs = 60_000, firstDelayMs = 250 } = options
  let rung = bell()
  let isStopping = false
  let working: Promise<unknown> | undefined

  const ring = (): void => {
    const { ring } = rung
    rung = bell()
    ring()
  }

  const work = async (): Promise<void> => {
    for (let failures = 0; !isStopping;) {
      const { heard } = rung // before looking, so that nothing stored meanwhile is missed
      try {
        const found = await attemptNext(ring)
        failures = 0
        if (!found.tried) await pause(Math.min(found.againInMs ?? lookEveryMs, lookEveryMs), heard)
      } catch (error) {
        failures++
        const fields = { err: error, code: codeOf(error), failures }
        if (familyOf(error) !== 'unavailable') log.error(fields, 'deliveries cannot be looked after')
        else if (failures === 1) log.warn(fields, 'deliveries wait')
        await pause(Math.min(firstDelayMs * 2 ** (failures - 1), 10_000), undefined)
      }
    }
  }

  const stopped = bell()
  const pause = (ms: number, heard: Promise<void> | undefined): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      for (const early of [heard, stopped.heard])
        void early?.then(() => {
          clearTimeout(timer)
          resolve()
        })
    })

  return {
    name: 'courier',
    ring,
    start: () => {
      working ??= Promise.all(Array.from({ length: concurrency }, work))
      return Promise.resolve()
    },
    stop: async () => {
      isStopping = true
      stopped.ring()
      await working
    },
  }
}

const bell = (): { heard: Promise<void>; ring: () => void } => {
  let ring!: () => void
  const heard = new Promise<void>((resolve) => (ring = resolve))
  return { heard, ring }
}
