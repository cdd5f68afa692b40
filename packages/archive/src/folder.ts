import { unavailable } from '@journey/runtime'
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Storage } from './storage.js'

const mostKeys = 1_000
/** What a crash left half-written; no key ends like this. */
const unfinished = '.part'

/** An archive in a folder, which is made when it is missing. Files are for their owner alone, since they hold what clients said. */
export const folderStorage = (folder: string): Storage => ({
  put: (key, body) =>
    reached(folder, async () => {
      const file = join(folder, key)
      const part = `${file}.${randomUUID()}${unfinished}`
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      try {
        const handle = await open(part, 'wx', 0o600)
        try {
          await handle.writeFile(body)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(part, file)
      } catch (error) {
        await rm(part, { force: true })
        throw error
      }
      await synced(dirname(file))
    }),

  get: (key) => reached(folder, () => readFile(join(folder, key)).catch(undefinedIfMissing)),

  list: (prefix, after = '') =>
    reached(folder, async () => {
      const inside = dirname(`${prefix}x`)
      const all = { recursive: true, withFileTypes: true } as const
      const entries = (await readdir(join(folder, inside), all).catch(undefinedIfMissing)) ?? []
      return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith(unfinished))
        .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join('/'))
        .filter((key) => key.startsWith(prefix) && key > after)
        .sort()
        .slice(0, mostKeys)
    }),

  putAt: (key) => reached(folder, async () => (await stat(join(folder, key)).catch(undefinedIfMissing))?.mtime),
})

/** A new name in a folder is as durable as the folder. */
const synced = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const undefinedIfMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code === 'ENOENT') return undefined
  throw error
}

const reached = async <Result>(folder: string, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    const { message } = error as Error
    throw unavailable('archive/away', `The archive's folder ${folder} cannot be used: ${message}`, error)
  }
}
