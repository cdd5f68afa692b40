import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { conflict } from '@journey/runtime'
import { identityOf, isAlive, type Identity } from '../supervisor/identity.js'
import { createWhole, readWhole, removeExactly } from './whole-file.js'

/**
 * Takes a state folder for this process alone, and returns how to give it back. The lock of a process that died is taken over.
 *
 * @throws conflict `embedded/state_in_use` while another living process holds it
 */
export const lockState = (stateDir: string): (() => void) => {
  mkdirSync(stateDir, { recursive: true })
  const lock = fileIn(stateDir)
  while (!createWhole(lock, JSON.stringify(identityOf(process.pid)))) {
    const text = readWhole(lock)
    if (text === undefined) continue // given back just now
    const holder = livingHolder(text)
    if (holder)
      throw conflict(
        'embedded/state_in_use',
        `Process ${holder.pid} already runs from ${stateDir}. Stop it first (Ctrl-C in its terminal, or: kill ${holder.pid}), ` +
          'or name another folder with JOURNEY_STATE_DIR.',
      )
    removeExactly(lock, text)
  }
  return () => rmSync(lock, { force: true })
}

/** The process that runs from this folder now, if any. */
export const holderOf = (stateDir: string): Identity | undefined => livingHolder(readWhole(fileIn(stateDir)) ?? 'null')

const fileIn = (stateDir: string): string => join(stateDir, 'lock')

const livingHolder = (text: string): Identity | undefined => {
  try {
    const holder = JSON.parse(text) as Identity | null
    return holder && isAlive(holder) ? holder : undefined
  } catch {
    return undefined // cut off, by a full disk perhaps
  }
}
