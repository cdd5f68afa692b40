import pg from 'pg'
import { unavailable } from '@journey/runtime'

/** The same server, user and options, another database. */
export const inDatabase = (url: string, database: string): string => {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}

/** Runs one piece of work on a connection of its own. */
export const onConnection = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined) // a lost connection also fails the query that is under way
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/**
 * Creates the database unless it exists, and returns its address. Safe to repeat, also at the same time.
 *
 * @param url any database of the server, with an account that may create databases
 * @throws unavailable `embedded/database_failed`
 */
export const ensureDatabase = async (url: string, name: string): Promise<string> => {
  try {
    await onConnection(url, async (client) => {
      const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
      if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`)
    })
  } catch (error) {
    // 42P04 duplicate_database, 23505 unique_violation: someone else created it just now.
    if (!['42P04', '23505'].includes((error as { code?: string }).code ?? ''))
      throw unavailable(
        'embedded/database_failed',
        `The database ${name} could not be created on ${new URL(url).host}`,
        error,
      )
  }
  return inDatabase(url, name)
}
