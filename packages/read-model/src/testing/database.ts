import { sql, type Kysely } from 'kysely'
import { testDatabase } from '@journey/embedded/testing'
import { migrate } from '@journey/migrations'
import { silentLog } from '@journey/runtime'
import { createDatabase, type Database, type DatabaseOptions } from '../database.js'
import { derivedTables, operationalTables, type Tables } from '../tables.js'

/** A migrated database for the specs of one `describe`; gone after them. */
export const withReadModel = ({ encryption }: Pick<DatabaseOptions, 'encryption'> = {}): (() => Database) => {
  let database: Database | undefined
  let drop: (() => Promise<void>) | undefined
  before(async () => {
    const made = await testDatabase()
    drop = made.drop
    await migrate(made.url)
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
