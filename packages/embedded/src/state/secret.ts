import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the secret of this name is kept; readable by its owner alone. */
export const secretFile = (stateDir: string, name: string): string => join(stateDir, 'secrets', name)

/** A password made once per state folder: 32 hexadecimal digits, which no file format needs to quote. */
export const secretOf = (stateDir: string, name: string): string => {
  const file = secretFile(stateDir, name)
  mkdirSync(join(stateDir, 'secrets'), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, randomBytes(16).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8')
}
