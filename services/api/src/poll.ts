/** Waits for rows to become what callers wait for; many callers share one query. */
export interface Poll<Row> {
  /**
   * Resolves with the row once it is done, else, when the time is up or the caller gone, as it was last seen.
   *
   * @throws what looking threw
   */
  until(
    key: string,
    isDone: (row: Row | undefined) => boolean,
    limitMs: number,
    gone?: AbortSignal,
  ): Promise<Row | undefined>
  /** Lets every caller go with what was last seen. */
  stop(): void
}

type Waiter<Row> = {
  isDone: (row: Row | undefined) => boolean
  seen: Row | undefined
  resolve: (row: Row | undefined) => void
  reject: (error: unknown) => void
}

/** Looks at once, then after each pause, while anyone waits: 20 queries a second at most, however many wait. */
export const createPoll = <Row>(
  look: (keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>,
  pauseMs = 50,
): Poll<Row> => {
  const waiting = new Map<string, Set<Waiter<Row>>>()
  let running = false

  const waiters = () => [...waiting].flatMap(([key, ones]) => [...ones].map((waiter) => ({ key, waiter })))
  const leave = (key: string, waiter: Waiter<Row>) => {
    const ones = waiting.get(key)
    ones?.delete(waiter)
    if (ones?.size === 0) waiting.delete(key)
  }

  const run = async (): Promise<void> => {
    while (waiting.size > 0) {
      const asked = waiters()
      try {
        const rows = await look([...new Set(asked.map(({ key }) => key))])
        for (const { key, waiter } of asked) {
          waiter.seen = rows.get(key)
          if (waiter.isDone(waiter.seen)) waiter.resolve(waiter.seen)
        }
      } catch (error) {
        for (const { waiter } of asked) waiter.reject(error)
      }
      if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    running = false
  }

  return {
    until: async (key, isDone, limitMs, gone) => {
      let waiter: Waiter<Row> | undefined
      let timer: NodeJS.Timeout | undefined
      const letGo = () => waiter?.resolve(waiter.seen)
      try {
        return await new Promise<Row | undefined>((resolve, reject) => {
          waiter = { isDone, seen: undefined, resolve, reject }
          waiting.set(key, (waiting.get(key) ?? new Set()).add(waiter))
          timer = setTimeout(letGo, limitMs)
          gone?.addEventListener('abort', letGo)
          if (running) return
          running = true
          void run()
        })
      } finally {
        if (waiter) leave(key, waiter)
        clearTimeout(timer)
        gone?.removeEventListener('abort', letGo)
      }
    },
    stop: () => {
      for (const { waiter } of waiters()) waiter.resolve(waiter.seen)
    },
  }
}
