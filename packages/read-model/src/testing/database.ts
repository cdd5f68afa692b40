import { sql, type Kysely } from 'kysely'
import { testDatabase, type TestDatabase } from '@journey/embedded/testing'
import { migrate } from '@journey/migrations'
import { silentLog } from '@journey/runtime'
import { createDatabase, type Database, type DatabaseOptions } from '../database.js'
import { derivedTables, operationalTables, type Tables } from '../tables.js'

let migrated: Promise<string> | undefined

/** A migrated database that no other spec sees. Migrations run once in a process; every database is a copy of that one. */
export const testReadModel = async (): Promise<TestDatabase> => {
  migrated ??= (async () => {
    const { name, url } = await testDatabase() // as long as the run's server lasts
    await migrate(url)
    return name
  })()
  return testDatabase({ copyOf: await migrated })
}

/** A migrated database for the specs of one `describe`; gone after them. */
export const withReadModel = ({ encryption }: Pick<DatabaseOptions, 'encryption'> = {}): (() => Database) => {
  let database: Database | undefined
  let drop: (() => Promise<void>) | undefined
  before(async () => {
    const made = await testReadModel()
    drop = made.drop
    database = createDatabase({ url: made.url, log: silentLog(), name: 'spec', encryption })
  })
  after(async () => {
    await database?.stop()
    await drop?.()
  })
  return () => database!
}

/** Without the data keys: who uses them remembers them. */
export const emptied = async (db: Kysely<Tables>): Promise<void> => {
  const tables = [...derivedTables, ...operationalTables].filter((name) => name !== 'data_keys')
  const names = tables.map((name) => sql.table(name))
  await sql`truncate ${sql.join(names)}`.execute(db)
}
