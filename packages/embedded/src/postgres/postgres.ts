import { execFile } from 'node:child_process'
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { unavailable, type Log } from '@journey/runtime'
import { knownHome, serverHome, type Home } from '../state/home.js'
import { secretOf } from '../state/secret.js'
import { commandLineOf } from '../supervisor/identity.js'
import { preparedProcess } from '../supervisor/prepared.js'
import { createProcess, type SupervisedProcess } from '../supervisor/process.js'
import { until } from '../supervisor/until.js'
import { majorOfData, obtainBinaries, type Binaries } from './binaries.js'
import { onConnection } from './databases.js'

export type PostgresOptions = {
  stateDir: string
  /** On 127.0.0.1; there is no Unix socket. */
  port: number
  /** Folders to look for binaries in before the usual one, as in PATH. */
  path?: readonly string[]
  /** Further server settings, as in postgresql.conf. */
  settings?: Readonly<Record<string, string>>
  log: Log
  /** Hears of slow steps, such as an installation. */
  note?: (text: string) => void
}

export type Postgres = SupervisedProcess & {
  /** The address of one database (`postgres` by default) as the superuser `postgres`. */
  url(database?: string): string
}

const run = promisify(execFile)

/**
 * A PostgreSQL server of our own: its data in the state folder, every commit on disk, started again when it dies. As root it
 * runs as the account `postgres`. Ready when it answers a query.
 *
 * @throws unavailable `embedded/postgres_missing`, `embedded/install_failed`, `embedded/process_failed`
 */
export const createPostgres = (options: PostgresOptions): Postgres => {
  const { stateDir, port, log, path = [], settings = {}, note = () => undefined } = options
  const password = (): string => secretOf(stateDir, 'postgres')
  const url = (database = 'postgres'): string => `postgres://postgres:${password()}@127.0.0.1:${port}/${database}`

  const prepare = async (): Promise<SupervisedProcess> => {
    const home = () => serverHome(stateDir, 'postgres', ['postgres', 'nobody'])
    const known = knownHome(stateDir, 'postgres')
    const wanted = known && majorOfData(join(known.folder, 'data'))
    const binaries = await obtainBinaries(path, wanted, () => join(home().folder, 'tools'), note)
    const { folder, account } = home()
    const dataDir = join(folder, 'data')
    if (!existsSync(dataDir)) await makeData(binaries, home(), password())
    return createProcess({
      name: 'postgres',
      command: join(binaries.folder, 'postgres'),
      args: ['-D', dataDir, ...asArguments({ ...defaults, ...settings, port: String(port) })],
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: folder },
      cwd: folder,
      account,
      stateDir,
      log,
      prepare: () => dropForeignLock(dataDir),
      ready: (signal) => until(() => onConnection(url(), (client) => client.query('select 1')), signal),
      startAttempts: 8, // after kill -9, until the last backend has noticed ("shared memory block is still in use")
      stopSignal: 'SIGINT', // fast shutdown: SIGTERM would wait for every client to leave
    })
  }
  return { ...preparedProcess('postgres', prepare), url }
}

const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '256MB',
  max_connections: '200',
}

const asArguments = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])

/** Makes the data folder whole or not at all: an interrupted one is made afresh. */
const makeData = async ({ folder: binaries }: Binaries, { folder, account }: Home, password: string): Promise<void> => {
  const unfinished = join(folder, 'data.unfinished')
  const passwordFile = join(folder, 'password')
  rmSync(unfinished, { recursive: true, force: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account) chownSync(passwordFile, account.uid, account.gid)
  const locale = process.platform === 'linux' ? 'C.UTF-8' : 'C'
  const what = ['-D', unfinished, '-U', 'postgres', '-E', 'UTF8', '--locale', locale]
  try {
    await run(join(binaries, 'initdb'), [...what, '--auth', 'scram-sha-256', '--pwfile', passwordFile], {
      cwd: folder,
      env: { PATH: `${binaries}:/usr/bin:/bin`, HOME: folder },
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    })
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? ''
    throw unavailable('embedded/process_failed', `initdb could not make ${unfinished}:\n${said}`, error)
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(unfinished, join(folder, 'data'))
}

/**
 * After kill -9 a `postmaster.pid` stays behind. PostgreSQL takes it over when its process is gone, but refuses to start when
 * the number belongs to another process by now; then it is removed here.
 */
const dropForeignLock = (dataDir: string): void => {
  const file = join(dataDir, 'postmaster.pid')
  try {
    const holder = commandLineOf(Number(readFileSync(file, 'utf8').split('\n')[0]))
    if (holder && !holder.includes(dataDir)) rmSync(file, { force: true })
  } catch {
    // there is none
  }
}
