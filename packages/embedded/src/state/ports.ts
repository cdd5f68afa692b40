import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unavailable } from '@journey/runtime'
import { identityOf, isAlive, type Identity } from '../supervisor/identity.js'
import { createWhole, readWhole, removeExactly } from './whole-file.js'

/** Below 32768, where Linux begins to hand out ports of its own accord. */
const firstPort = 20_000
const lastPort = 32_000

/**
 * The TCP ports of one state folder. Each name gets a free port once and keeps it over restarts; two folders on one
 * machine never get the same one, not even when they choose at the same moment and listen later.
 */
export type Ports = {
  /** The port kept under this name; another one is chosen when a stranger listens on it now. */
  of(name: string): Promise<number>
  /** The port kept under this name by whoever runs from the folder; nothing is chosen or taken. */
  kept(name: string): number | undefined
  /** Takes this very port while this process lives; false when someone listens on it or has claimed it. */
  take(port: number): Promise<boolean>
}

/** @param claimsDir where the folders of a machine tell each other what they took */
export const createPorts = (stateDir: string, claimsDir = join(tmpdir(), 'journey-ports')): Ports => {
  const take = async (port: number): Promise<boolean> => claim(claimsDir, port, stateDir) && (await isFree(port))
  const choose = async (): Promise<number> => {
    const span = lastPort - firstPort
    const start = Math.floor(Math.random() * span)
    for (let step = 0; step < span; step++) {
      const port = firstPort + ((start + step) % span)
      if (!isKept(stateDir, port) && (await take(port))) return port
    }
    throw unavailable('embedded/no_free_port', `No port between ${firstPort} and ${lastPort} is free on this machine.`)
  }
  let turn: Promise<unknown> = Promise.resolve() // one at a time: each choice rewrites the file
  return {
    of: (name) => {
      const chosen = turn.then(async () => {
        const kept = readPorts(stateDir)[name]
        if (kept !== undefined && (await take(kept))) return kept
        const port = await choose()
        writePorts(stateDir, { ...readPorts(stateDir), [name]: port })
        return port
      })
      turn = chosen.catch(() => undefined)
      return chosen
    },
    kept: (name) => readPorts(stateDir)[name],
    take,
  }
}

/** Whether nobody listens on this port of 127.0.0.1. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })

type Claim = { stateDir: string; by: Identity | undefined }

/** A claim holds while its process lives, and beyond as long as its folder keeps the port. */
const claim = (claimsDir: string, port: number, stateDir: string): boolean => {
  const file = join(claimsDir, String(port))
  try {
    if (mkdirSync(claimsDir, { recursive: true }) !== undefined) chmodSync(claimsDir, 0o1777) // for every account
    while (!createWhole(file, JSON.stringify({ stateDir, by: identityOf(process.pid) } satisfies Claim))) {
      const text = readWhole(file)
      if (text === undefined) continue // given up just now
      const held = JSON.parse(text) as Claim
      const isHeld = (held.by !== undefined && isAlive(held.by)) || isKept(held.stateDir, port)
      if (held.stateDir !== stateDir && isHeld) return false
      removeExactly(file, text)
    }
    return true
  } catch {
    return true // nobody can be told here (another account's folder or file): it may be free all the same
  }
}

const isKept = (stateDir: string, port: number): boolean => Object.values(readPorts(stateDir)).includes(port)

const portsFile = (stateDir: string): string => join(stateDir, 'ports.json')

/** Whether a folder is a state folder: each keeps its ports. */
export const holdsPorts = (stateDir: string): boolean => existsSync(portsFile(stateDir))

const readPorts = (stateDir: string): Record<string, number> =>
  JSON.parse(readWhole(portsFile(stateDir)) ?? '{}') as Record<string, number>

const writePorts = (stateDir: string, ports: Record<string, number>): void => {
  mkdirSync(stateDir, { recursive: true })
  const written = `${portsFile(stateDir)}.${process.pid}`
  writeFileSync(written, JSON.stringify(ports, undefined, 2))
  renameSync(written, portsFile(stateDir))
}
