import { unavailable } from '@journey/runtime'
import type { SupervisedProcess } from './process.js'

/**
 * A process whose start needs something made ready first (an installation, a data folder). `stop()` while that is under
 * way lets it finish, and nothing is started after it.
 */
export const preparedProcess = (name: string, prepare: () => Promise<SupervisedProcess>): SupervisedProcess => {
  let prepared: SupervisedProcess | undefined
  let preparing: Promise<unknown> = Promise.resolve()
  let isWanted = false
  const isStopped = (): boolean => !isWanted
  return {
    name,
    pid: () => prepared?.pid(),
    restarts: () => prepared?.restarts() ?? 0,
    start: async () => {
      isWanted = true
      const made = prepare()
      preparing = made.catch(() => undefined)
      prepared = await made
      if (isStopped()) throw unavailable('embedded/process_failed', `${name} was stopped before it was ready`)
      await prepared.start()
    },
    stop: async () => {
      isWanted = false
      await preparing
      await prepared?.stop()
    },
  }
}
