import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '@journey/runtime'
import { identityOf, isAlive, type Identity } from '../supervisor/identity.js'

/**
 * Takes a state folder for this process alone, and returns how to give it back. The lock of a process that died is taken over.
 *
 * @throws conflict `embedded/state_in_use` while another living process holds it
 */
export const lockState = (stateDir: string): (() => void) => {
  mkdirSync(stateDir, { recursive: true })
  const lock = join(stateDir, 'lock')
  const own = `${lock}.${process.pid}`
  writeFileSync(own, JSON.stringify(identityOf(process.pid)))
  try {
    for (;;) {
      if (linked(own, lock)) return () => rmSync(lock, { force: true })
      const holder = readHolder(lock)
      if (holder && isAlive(holder))
        throw new Fault(
          'conflict',
          'embedded/state_in_use',
          `Process ${holder.pid} already runs from ${stateDir}. Stop it first (Ctrl-C in its terminal, or: kill ${holder.pid}), ` +
            'or name another folder with JOURNEY_STATE_DIR.',
        )
      // Renamed, not removed: of two who find the same dead holder only one succeeds.
      takeAway(lock, `${own}.dead`)
    }
  } finally {
    rmSync(own, { force: true })
    rmSync(`${own}.dead`, { force: true })
  }
}

/** The process that runs from this folder now, if any. */
export const holderOf = (stateDir: string): Identity | undefined => {
  const holder = readHolder(join(stateDir, 'lock'))
  return holder && isAlive(holder) ? holder : undefined
}

const linked = (from: string, to: string): boolean => {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

const takeAway = (lock: string, to: string): void => {
  try {
    renameSync(lock, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const readHolder = (lock: string): Identity | undefined => {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Identity
  } catch {
    return undefined
  }
}
