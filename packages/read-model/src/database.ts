import { Kysely, PostgresDialect, sql, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { masterKeysOf, type Vault } from '@journey/contracts'
import { conflict, type Log } from '@journey/runtime'
import { databaseFault, sqlStateOf } from './faults.js'
import { createPrepared } from './prepared.js'
import { Sealing } from './privacy/sealing.js'
import { createVault } from './privacy/vault.js'
import type { Tables } from './tables.js'

export type { Tables } from './tables.js'

export type DatabaseOptions = {
  url: string
  log: Log
  /** Shown in `pg_stat_activity`: the service's name. */
  name: string
  /** Connections at most. */
  poolSize?: number
  /** What a statement may take before PostgreSQL gives it up. */
  statementTimeoutMs?: number
  /** Names without a schema mean this one alone; default: as the server has it. */
  schema?: string
  /** Whether a commit waits until it is on disk; off, the last of them may be lost in a crash of the server, none half. */
  isCommitDurable?: boolean
  /** The operator's keys, in base64: content is sealed with them. Without, none is. */
  encryption?: { key: string; old: readonly string[] } | undefined
}

/**
 * The read model's database. Errors of `db` are ours: unavailable `database/…`, conflict `database/…`; see `databaseFault`.
 *
 * How values come and go: times are ISO 8601 texts in UTC with milliseconds, both ways; `bigint` columns are numbers (ours stay
 * far below 2⁵³); log positions (`numeric`) are decimal texts; JSONB is read as values and written with `json`.
 */
export type Database = {
  db: Kysely<Tables>
  /** The keys that content is sealed with, here and in the event store. */
  vault: Vault
  /** For `/ready`. @throws unavailable `database/…`, and `privacy/…` when what is sealed cannot be opened */
  check(): Promise<void>
  /** Waits for what is under way, then disconnects. Safe to repeat. */
  stop(): Promise<void>
}

/** Nothing is connected until the first query; a lost connection is replaced at the next one. */
export const createDatabase = (options: DatabaseOptions): Database => {
  const { url, log, name, poolSize = 10, statementTimeoutMs = 30_000, schema, isCommitDurable = true } = options
  const pool = openPool({ url, log, name, poolSize, statementTimeoutMs, schema, isCommitDurable })
  // Keys are looked up while a transaction holds a connection, so they have their own: else all may wait for one another.
  const keyPool = openPool({ url, log, name: `${name} keys`, poolSize: 2, statementTimeoutMs, isCommitDurable: true })
  const keys = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: withOurFaults(keyPool) }) })
  const vault = createVault({ db: keys, masterKeys: options.encryption && masterKeysOf(options.encryption) })
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: withOurFaults(pool) }),
    plugins: [new Sealing(vault)],
  })
  const end = async (one: Kysely<Tables>, its: pg.Pool): Promise<void> => {
    await one.destroy()
    if (!its.ended) await its.end()
  }
  let stopped: Promise<unknown> | undefined
  return {
    db,
    vault,
    check: async () => {
      await sql`select 1`.execute(db)
      await vault.check()
    },
    stop: async () => {
      await (stopped ??= Promise.all([end(db, pool), end(keys, keyPool)]))
    },
  }
}

type PoolOptions = {
  url: string
  log: Log
  name: string
  poolSize: number
  statementTimeoutMs: number
  isCommitDurable: boolean
} & {
  schema?: string | undefined
}

const openPool = ({ url, log, name, poolSize, statementTimeoutMs, schema, isCommitDurable }: PoolOptions): pg.Pool => {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: name,
    max: poolSize,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    types: { getTypeParser },
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg-pool waits for the promise; its types do not say so
    onConnect: async (client) => {
      client.on('error', () => undefined) // one in use fails its query too; unheard, the event would end the process
      await client.query(
        `select set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false),
           set_config('statement_timeout', $1, false)`,
        [String(statementTimeoutMs)],
      )
      if (schema !== undefined) await client.query(`select set_config('search_path', quote_ident($1), false)`, [schema])
      if (!isCommitDurable) await client.query('set synchronous_commit = off')
    },
  })
  pool.on('error', (error) => log.warn({ err: error }, 'an idle connection to PostgreSQL was lost'))
  return pool
}

const withOurFaults = (pool: pg.Pool): PostgresPool => {
  const wrapped = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  const prepared = createPrepared()
  const query = async (client: pg.PoolClient, text: string, values: unknown[]): Promise<pg.QueryResult> => {
    const name = prepared.nameOf(text)
    if (name === undefined) return client.query(text, values)
    try {
      return await client.query({ name, text, values })
    } catch (error) {
      if (sqlStateOf(error) !== planIsStale) throw error
      prepared.forget(text)
      if (client.getTransactionStatus() === 'I') return client.query(text, values)
      throw conflict('database/serialization', 'A migration changed a table under this transaction; do it again', error)
    }
  }
  const wrap = (client: pg.PoolClient): PostgresPoolClient => ({
    // Kysely asks this one way only, as no cursor is configured.
    query: ((text: string, values: unknown[]) =>
      faulty(query(client, text, values))) as unknown as PostgresPoolClient['query'],
    release: () => client.release(),
  })
  return {
    connect: async () => {
      const client = await faulty(pool.connect())
      const known = wrapped.get(client) ?? wrap(client)
      wrapped.set(client, known)
      return known
    },
    end: () => pool.end(),
  }
}

/** 0A000, feature_not_supported: of a prepared statement, that its result would have other columns than when it was prepared. */
const planIsStale = '0A000'

const faulty = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    throw databaseFault(error)
  }
}

const toInstant = (text: string): string => {
  const [, day, time, fraction = ''] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00)?$/.exec(text) ?? []
  return day && time ? `${day}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}Z` : text
}

const toSafeNumber = (text: string): number => {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${text} from a bigint column is too large for a number`)
  return number
}

const { builtins, getTypeParser: parserOf } = pg.types
const parsers = new Map<number, (text: string) => unknown>([
  [builtins.TIMESTAMP, toInstant],
  [builtins.TIMESTAMPTZ, toInstant],
  [builtins.INT8, toSafeNumber],
])

const getTypeParser: pg.CustomTypesConfig['getTypeParser'] = (type, format) =>
  parsers.get(type) ?? (parserOf(type, format) as unknown)
