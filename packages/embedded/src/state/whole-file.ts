import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** Creates a file with its whole text at once; false when there is one already. Of several who try only one succeeds. */
export const createWhole = (file: string, text: string, mode = 0o644): boolean => {
  const own = `${file}.${process.pid}`
  writeFileSync(own, text, { mode })
  try {
    linkSync(own, file)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(own, { force: true })
  }
}

/** Removes a file, but not one that somebody else has put in its place meanwhile. */
export const removeExactly = (file: string, text: string): void => {
  const aside = `${file}.${process.pid}.aside`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  const found = readFileSync(aside, 'utf8')
  rmSync(aside)
  if (found !== text) createWhole(file, found)
}

/** The text of a file; undefined when there is none. */
export const readWhole = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
