import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again, with a pause between, until the check no longer rejects; rejects with its last reason when the signal says stop. */
export const until = async (check: () => Promise<unknown>, signal: AbortSignal, pauseMs = 50): Promise<void> => {
  for (;;) {
    try {
      await check()
      return
    } catch (error) {
      if (signal.aborted) throw error
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
