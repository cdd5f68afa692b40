/** How many finished deliveries are remembered: far more than a broker hands out again after a lost connection. */
const remembered = 10_000

export type Once = (key: string, run: () => Promise<void>) => Promise<void>

/**
 * Runs what has one key once: whoever comes with the same key meanwhile waits for the same end, whoever comes after it finds it
 * done. What failed may run again.
 */
export const createOnce = (): Once => {
  const underWay = new Map<string, Promise<void>>()
  const done = new Set<string>()

  const runFirst = async (key: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run()
      done.add(key)
      for (const oldest of done) {
        if (done.size <= remembered) break
        done.delete(oldest)
      }
    } finally {
      underWay.delete(key)
    }
  }

  return async (key, run) => {
    if (done.has(key)) return
    let running = underWay.get(key)
    if (!running) {
      running = runFirst(key, run)
      underWay.set(key, running)
    }
    await running
  }
}
