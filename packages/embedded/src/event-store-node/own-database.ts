import { conflict, familyOf, type Log, type Part } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureDatabase } from '../postgres/databases.js'
import { createPostgres, type Postgres } from '../postgres/postgres.js'
import { makePassable } from '../state/home.js'
import { holderOf, lockState } from '../state/lock.js'
import { createPorts } from '../state/ports.js'

/** A node that was told to stop a moment ago may still hold its folder; longer than it needs to stop. */
const lockPatienceMs = 10_000

const database = 'event_store'

export type OwnDatabase = Part & {
  /** The node's database, once this is started. */
  url(): string
}

/**
 * A folder that holds all that a node needs: a PostgreSQL of its own, which runs as long as this does, with its data, password
 * and port. Made when it is not there; one process at a time.
 *
 * @throws conflict `embedded/state_in_use`; what `createPostgres` throws
 */
export const createOwnDatabase = (options: { stateDir: string; path: readonly string[]; log: Log }): OwnDatabase => {
  const { stateDir, path, log } = options
  let release: (() => void) | undefined
  let postgres: Postgres | undefined
  let url: string | undefined
  return {
    name: 'own database',
    start: async () => {
      makePassable(stateDir)
      release = await lockPatiently(stateDir)
      const port = await createPorts(stateDir).of('postgres')
      const note = (text: string): void => log.info({ step: text }, 'preparing')
      postgres = createPostgres({ stateDir, port, path, log, note })
      await postgres.start()
      url = await ensureDatabase(postgres.url(), database)
    },
    stop: async () => {
      await postgres?.stop()
      release?.()
      release = undefined
    },
    url: () => {
      if (url === undefined) throw new Error('not started yet')
      return url
    },
  }
}

/**
 * The database in a node's folder, for work beside the node: while one runs from the folder, its PostgreSQL serves; else it is
 * started for as long as the work takes.
 *
 * @throws as `createOwnDatabase`
 */
export const withOwnDatabase = async <T>(
  options: { stateDir: string; path: readonly string[]; log: Log },
  work: (url: string) => Promise<T>,
): Promise<T> => {
  const { stateDir, log } = options
  const port = createPorts(stateDir).kept('postgres')
  if (holderOf(stateDir) && port !== undefined) return work(createPostgres({ stateDir, port, log }).url(database))
  const own = createOwnDatabase(options)
  try {
    await own.start()
    return await work(own.url())
  } finally {
    await own.stop()
  }
}

const lockPatiently = async (stateDir: string): Promise<() => void> => {
  const until = Date.now() + lockPatienceMs
  for (;;) {
    try {
      return lockState(stateDir)
    } catch (error) {
      if (familyOf(error) !== 'conflict') throw error
      if (Date.now() > until)
        throw conflict(
          'embedded/state_in_use',
          `Process ${holderOf(stateDir)?.pid ?? '?'} already runs from ${stateDir}. Stop it first, or name another folder with --data.`,
          error,
        )
      await sleep(50)
    }
  }
}
