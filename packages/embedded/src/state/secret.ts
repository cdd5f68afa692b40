import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createWhole } from './whole-file.js'

/** Where the secret of this name is kept; readable by its owner alone. */
export const secretFile = (stateDir: string, name: string): string => join(stateDir, 'secrets', name)

/** A password made once per state folder: 32 hexadecimal digits, which no file format needs to quote. */
export const secretOf = (stateDir: string, name: string): string => {
  const file = secretFile(stateDir, name)
  mkdirSync(join(stateDir, 'secrets'), { recursive: true, mode: 0o700 })
  createWhole(file, randomBytes(16).toString('hex'), 0o600)
  return readFileSync(file, 'utf8')
}
