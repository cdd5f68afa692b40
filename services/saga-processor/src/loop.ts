import { messageOf, type Log, type Part } from '@journey/runtime'

/** Something done again and again: soon after `wake()`, and at the latest after `everyMs`. Never twice at once. */
export interface Loop extends Part {
  wake(): void
}

/**
 * A turn says when the next one is due at the latest: `again` at once, a moment, or nothing for `everyMs` from now. A turn
 * that fails is taken again after `everyMs`; its failure is logged once until a turn succeeds.
 */
export const createLoop = ({
  name,
  everyMs,
  turn,
  log,
}: {
  name: string
  everyMs: number
  turn: () => Promise<'again' | Date | undefined>
  log: Log
}): Loop => {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let woken = false
  let stopped = true
  let failing = false

  const schedule = (delayMs: number): void => {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(run, Math.max(0, Math.min(delayMs, everyMs)))
  }

  const run = (): void => {
    if (running || stopped) return
    woken = false
    running = turn()
      .then(
        (next) => {
          if (failing) log.info({ loop: name }, 'works again')
          failing = false
          schedule(next === 'again' || woken ? 0 : next ? next.getTime() - Date.now() : everyMs)
        },
        (error: unknown) => {
          if (!failing) log.warn({ loop: name, err: error, reason: messageOf(error) }, 'a turn failed; tried again')
          failing = true
          schedule(everyMs)
        },
      )
      .finally(() => {
        running = undefined
        if (woken && !failing) schedule(0)
      })
  }

  return {
    name,
    wake: () => {
      if (woken) return
      woken = true
      if (!running) schedule(0)
    },
    start: () => {
      stopped = false
      schedule(0)
      return Promise.resolve()
    },
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
