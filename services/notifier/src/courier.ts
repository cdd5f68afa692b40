import type { Attempted } from '@journey/read-model'
import { codeOf, familyOf, type Log, type Part } from '@journey/runtime'

export type CourierOptions = {
  /** Tries the most overdue delivery, if one is due; calls `claimed` as soon as it has found one. */
  attemptNext: (claimed: () => void) => Promise<Attempted>
  /** How many deliveries are under way at once. */
  concurrency: number
  log: Log
  /** How long a courier that knows of nothing due looks away. */
  lookEveryMs?: number
  /** How long while another instance has something in hand, which it may leave behind. */
  watchEveryMs?: number
  /** After an error; doubles up to 10 s. */
  firstDelayMs?: number
}

/**
 * Sends what is due, as soon as it is due: at its start what an earlier life left, then whenever told of something new, and
 * when a pause is over. Asks the database at those moments only, and now and then as long as another instance has something in hand: it
 * may die. `stop()` waits for attempts under way.
 */
export const createCourier = (options: CourierOptions): Part & { ring(): void } => {
  const { attemptNext, concurrency, log, lookEveryMs = 60_000, watchEveryMs = 2_000, firstDelayMs = 250 } = options
  let rung = bell()
  let isStopping = false
  let underWay = 0
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
        const found = await attempt()
        failures = 0
        if (found.tried) continue
        await pause(pauseAfterLook(found, underWay, { lookEveryMs, watchEveryMs }), heard)
      } catch (error) {
        failures++
        const fields = { err: error, code: codeOf(error), failures }
        if (familyOf(error) !== 'unavailable') log.error(fields, 'deliveries cannot be looked after')
        else if (failures === 1) log.warn(fields, 'deliveries wait')
        await pause(Math.min(firstDelayMs * 2 ** (failures - 1), 10_000), undefined)
      }
    }
  }

  const attempt = async (): Promise<Attempted> => {
    let claimed = 0
    try {
      return await attemptNext(() => {
        claimed++
        underWay++
        ring()
      })
    } finally {
      underWay -= claimed
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

/** How long to look away when nothing can be tried; not for as long as usual when others have something in hand beside what is under way here. */
export const pauseAfterLook = (
  { againInMs = Infinity, inHand }: Extract<Attempted, { tried: false }>,
  underWay: number,
  { lookEveryMs, watchEveryMs }: { lookEveryMs: number; watchEveryMs: number },
): number => Math.min(againInMs, inHand > underWay ? watchEveryMs : lookEveryMs)

const bell = (): { heard: Promise<void>; ring: () => void } => {
  let ring!: () => void
  const heard = new Promise<void>((resolve) => (ring = resolve))
  return { heard, ring }
}
