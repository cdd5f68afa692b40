import { closeSync, copyFileSync, mkdirSync, openSync, readSync, renameSync, statSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'

/** One process writes at most about twice this much log: the file and the one before it. */
const limitBytes = 20 * 1024 * 1024

/** Opens a log for appending, after putting a full one aside as `<file>.1`. */
export const openLog = (file: string): number => {
  mkdirSync(dirname(file), { recursive: true })
  if (sizeOf(file) > limitBytes / 2) renameSync(file, `${file}.1`)
  return openSync(file, 'a')
}

/** Keeps a log that is being written within its limit: the writer appends, so it goes on at the new end. */
export const boundLog = (file: string): void => {
  if (sizeOf(file) <= limitBytes) return
  copyFileSync(file, `${file}.1`)
  truncateSync(file)
}

export const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** The last lines that were written behind this offset. */
export const tailOf = (file: string, from: number, lines = 15): string => {
  const size = sizeOf(file)
  if (size === 0) return ''
  const start = Math.max(from > size ? 0 : from, size - 16_384)
  const buffer = Buffer.alloc(size - start)
  const opened = openSync(file, 'r')
  readSync(opened, buffer, 0, buffer.length, start)
  closeSync(opened)
  return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n')
}
