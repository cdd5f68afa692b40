import type { Log, Part } from '@journey/runtime'

const everyMs = 10 * 60_000

/** Removes outcomes that are older than they are promised to be kept, every ten minutes. */
export const createPurge = <Db>({
  db,
  purge,
  hours,
  log,
}: {
  db: Db
  purge: (db: Db, hours: number) => Promise<number>
  hours: number
  log: Log
}): Part => {
  let timer: NodeJS.Timeout | undefined
  return {
    name: 'purge of command outcomes',
    start: () => {
      timer = setInterval(() => {
        purge(db, hours).then(
          (removed) => removed > 0 && log.info({ removed }, 'old command outcomes removed'),
          (error: unknown) => log.warn({ err: error }, 'old command outcomes could not be removed; tried again later'),
        )
      }, everyMs)
      timer.unref()
      return Promise.resolve()
    },
    stop: () => {
      clearInterval(timer)
      return Promise.resolve()
    },
  }
}
