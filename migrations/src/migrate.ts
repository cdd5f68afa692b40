import { Kysely, Migrator, PostgresDialect } from 'kysely'
import pg from 'pg'
import { migrations } from './migrations.js'

/** One migration and when it was run; `null` for one that is still to come. */
export type MigrationStatus = { name: string; executedAt: string | null }

/**
 * Brings a database to the newest version and says which migrations that took. All of them or none: they run in one
 * transaction, behind a lock, so that two processes may start it at once.
 *
 * @throws what PostgreSQL or the network throws
 */
export const migrate = (databaseUrl: string): Promise<string[]> =>
  withMigrator(databaseUrl, async (migrator) => {
    const { error, results = [] } = await migrator.migrateToLatest()
    if (error instanceof Error) throw error
    if (error !== undefined) throw new Error('the migrations failed', { cause: error })
    return results.map(({ migrationName }) => migrationName)
  })

/** Every migration, in order, with when it was run. Changes nothing. */
export const migrationStatus = (databaseUrl: string): Promise<MigrationStatus[]> =>
  withMigrator(databaseUrl, async (migrator) =>
    (await migrator.getMigrations()).map(({ name, executedAt }) => ({
      name,
      executedAt: executedAt?.toISOString() ?? null,
    })),
  )

const withMigrator = async <T>(databaseUrl: string, work: (migrator: Migrator) => Promise<T>): Promise<T> => {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'migrations',
    max: 2,
    connectionTimeoutMillis: 5_000,
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg-pool waits for the promise; its types do not say so
    onConnect: async (client) => {
      client.on('error', () => undefined) // a lost connection also fails the query that is under way
      await client.query(`set time zone 'UTC'`)
    },
  })
  pool.on('error', () => undefined)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    return await work(new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } }))
  } finally {
    await db.destroy()
  }
}
