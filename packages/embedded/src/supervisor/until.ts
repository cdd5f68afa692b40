import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again, with a pause between, until the check no longer rejects; rejects when the signal says stop. */
export const until = async (check: () => Promise<unknown>, signal: AbortSignal, pauseMs = 50): Promise<void> => {
  for (;;) {
    signal.throwIfAborted()
    try {
      await check()
      return
    } catch {
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
