import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityOf, isAlive, type Identity } from './identity.js'

/** What is written down of a child, so that a later start can stop it if it should outlive its supervisor. */
type Note = Identity & { name: string; stopSignal: NodeJS.Signals }

const folder = (stateDir: string): string => join(stateDir, 'pids')
const noteFile = (stateDir: string, name: string): string => join(folder(stateDir), `${name}.json`)

export const noteProcess = (stateDir: string, name: string, pid: number, stopSignal: NodeJS.Signals): void => {
  const identity = identityOf(pid)
  if (!identity) return // over already
  mkdirSync(folder(stateDir), { recursive: true })
  writeFileSync(noteFile(stateDir, name), JSON.stringify({ ...identity, name, stopSignal } satisfies Note))
}

export const forgetProcess = (stateDir: string, name: string): void => rmSync(noteFile(stateDir, name), { force: true })

/**
 * Stops what an earlier start left running (all of it, or one process by name): each with its own signal, after 15 s
 * with SIGKILL. Returns the names of what was still there. A number that now belongs to another process is left alone.
 */
export const stopLeftovers = async (stateDir: string, name?: string): Promise<string[]> => {
  const found = notes(stateDir).filter((note) => (name === undefined || note.name === name) && isAlive(note))
  for (const note of found) signal(note, note.stopSignal)
  const deadline = Date.now() + 15_000
  while (found.some(isAlive) && Date.now() < deadline) await sleep(50)
  for (const note of found) if (isAlive(note)) signal(note, 'SIGKILL')
  while (found.some(isAlive)) await sleep(20)
  for (const note of found) forgetProcess(stateDir, note.name)
  return found.map((note) => note.name)
}

const notes = (stateDir: string): Note[] => {
  let files: string[]
  try {
    files = readdirSync(folder(stateDir))
  } catch {
    return []
  }
  return files.flatMap((file) => {
    try {
      return [JSON.parse(readFileSync(join(folder(stateDir), file), 'utf8')) as Note]
    } catch {
      return []
    }
  })
}

const signal = (note: Note, name: NodeJS.Signals): void => {
  try {
    process.kill(note.pid, name)
  } catch {
    // gone meanwhile
  }
}
