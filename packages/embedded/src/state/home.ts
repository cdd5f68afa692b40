import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** A user account that a server runs as when we are root. */
export type Account = { name: string; uid: number; gid: number }

/** Where one server keeps its data, and the account that owns it; no account when servers run as ourselves. */
export type Home = { folder: string; account: Account | undefined }

/**
 * The home of one server, made when it is not there. It lies in the state folder, unless the account cannot get there (a
 * checkout below /root, mode 700): then below /var/lib, named after the state folder. The choice is written down once,
 * so that changed permissions or new accounts never make data seem lost.
 *
 * @param accounts to run as when we are root; the first that the machine has is taken
 */
export const serverHome = (stateDir: string, server: string, accounts: readonly string[]): Home => {
  const home = knownHome(stateDir, server) ?? chooseHome(stateDir, server, accounts)
  mkdirSync(home.folder, { recursive: true, mode: 0o755 })
  if (home.account) chownSync(home.folder, home.account.uid, home.account.gid)
  const isInside = home.folder === inside(stateDir, server)
  writeFileSync(noteFile(stateDir, server), JSON.stringify(isInside ? { account: home.account } : home))
  return home
}

/**
 * Makes a state folder, and lets the servers' accounts pass through an empty one of ours, such as `mktemp -d` makes (mode 700).
 * What lies in it keeps its own permissions.
 */
export const makePassable = (stateDir: string): void => {
  mkdirSync(stateDir, { recursive: true })
  const { uid, mode } = statSync(stateDir)
  if (uid === process.getuid?.() && readdirSync(stateDir).length === 0) chmodSync(stateDir, (mode & 0o777) | 0o011)
}

/** The servers that have a home of this state folder. */
export const serversOf = (stateDir: string): string[] =>
  readdirSync(stateDir).flatMap((file) => /^(.+)\.home\.json$/.exec(file)?.[1] ?? [])

/** The home that was chosen earlier. */
export const knownHome = (stateDir: string, server: string): Home | undefined => {
  try {
    const note = JSON.parse(readFileSync(noteFile(stateDir, server), 'utf8')) as Partial<Home>
    return { folder: note.folder ?? inside(stateDir, server), account: note.account }
  } catch {
    return undefined
  }
}

/** Removes a server's data where it lies outside of the state folder. */
export const removeHome = (stateDir: string, server: string): void => {
  const folder = elsewhere(stateDir, server)
  if (knownHome(stateDir, server)?.folder !== folder) return
  rmSync(folder, { recursive: true, force: true })
  if (readdirSync(dirname(folder)).length === 0) rmdirSync(dirname(folder))
}

const noteFile = (stateDir: string, server: string): string => join(stateDir, `${server}.home.json`)

const chooseHome = (stateDir: string, server: string, accounts: readonly string[]): Home => {
  mkdirSync(stateDir, { recursive: true })
  const account = process.getuid?.() === 0 ? firstAccount(accounts) : undefined
  if (!account || isReachable(resolve(stateDir), account)) return { folder: inside(stateDir, server), account }
  const folder = elsewhere(stateDir, server)
  if (existsSync(folder)) setAside(folder)
  return { folder, account }
}

/** What a state folder of the same name left there, which is gone with its passwords. The last of these is kept. */
const setAside = (folder: string): void => {
  rmSync(`${folder}.before`, { recursive: true, force: true })
  renameSync(folder, `${folder}.before`)
}

/** Not written down as it is: a state folder that is moved or copied takes its data along. */
const inside = (stateDir: string, server: string): string => join(resolve(stateDir), server)

const elsewhere = (stateDir: string, server: string): string => {
  const name = createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 16)
  return join('/var/lib/journey-orchestrator', name, server)
}

const firstAccount = (names: readonly string[]): Account | undefined => {
  for (const name of names) {
    try {
      const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
      return { name, uid: id('-u'), gid: id('-g') }
    } catch {
      // not on this machine
    }
  }
  return undefined
}

/** Whether the account may pass through every folder down to this one, by their permission bits. */
const isReachable = (folder: string, account: Account): boolean => {
  const { mode, uid, gid } = statSync(folder)
  const passes = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  const parent = dirname(folder)
  return (mode & passes) !== 0 && (parent === folder || isReachable(parent, account))
}
