import { expect } from 'chai'
import { sql } from 'kysely'
import { testDatabase } from '@journey/embedded/testing'
import { codeOf, silentLog } from '@journey/runtime'
import { createDatabase, type DatabaseOptions } from './database.js'
import { json } from './columns.js'
import { derivedTables, operationalTables } from './tables.js'
import { withReadModel } from './testing/database.js'

const connect = (url: string, over: Partial<DatabaseOptions> = {}) =>
  createDatabase({ url, log: silentLog(), name: 'spec', poolSize: 2, ...over })

const codeOfRejected = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return codeOf(error)
  }
}

describe('the database', () => {
  const database = withReadModel()

  it('gives times as it was given them, in UTC, with and without zone', async () => {
    const at = '2026-03-29T01:30:00.070Z'
    const { rows } = await sql`
      select ${at}::timestamp as plain, ${at}::timestamptz(3) as zoned, '2026-01-01 00:00:00'::timestamp as whole,
             date_trunc('minute', now()) = date_trunc('minute', now()::timestamp at time zone 'UTC') as is_utc`.execute(
      database().db,
    )
    expect(rows).to.deep.equal([{ plain: at, zoned: at, whole: '2026-01-01T00:00:00.000Z', is_utc: true }])
  })

  it('gives counts as numbers, positions as decimal text, and refuses to round', async () => {
    const { db } = database()
    const { rows } = await sql`select count(*) as count, 18446744073709551615::numeric(20, 0) as position`.execute(db)
    expect(rows).to.deep.equal([{ count: 1, position: '18446744073709551615' }])
    let caught: unknown
    await sql`select 9007199254740993::bigint as large`.execute(db).catch((error: unknown) => (caught = error))
    expect(caught).to.be.instanceOf(RangeError)
  })

  it('writes arrays into JSONB as arrays', async () => {
    const { db } = database()
    await db
      .insertInto('commands')
      .values({ command_id: 'c', status: 'accepted', events: json(['journey.started', 'a "b"']) })
      .execute()
    const row = await db.selectFrom('commands').select('events').where('command_id', '=', 'c').executeTakeFirstOrThrow()
    expect(row.events).to.deep.equal(['journey.started', 'a "b"'])
  })

  it('reads a table that a migration changed under a statement that was prepared', async () => {
    const { db } = database()
    const all = () => sql`select * from changing`.execute(db)
    await sql`create table changing (one int)`.execute(db)
    try {
      for (let n = 0; n < 6; n++) await all()
      await sql`alter table changing add other int`.execute(db)
      expect((await all()).rows).to.deep.equal([])
      for (let n = 0; n < 6; n++) await all()
      await sql`alter table changing add third int`.execute(db)
      const inside = codeOfRejected(
        db.transaction().execute((transaction) => sql`select * from changing`.execute(transaction)),
      )
      expect(await inside).to.equal('database/serialization')
      await db.transaction().execute((transaction) => sql`select * from changing`.execute(transaction))
    } finally {
      await sql`drop table changing`.execute(db)
    }
  })

  it('has the tables of both lists, and no others', async () => {
    const { rows } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables
      where table_schema = 'public' and table_name not like 'kysely%'`.execute(database().db)
    expect(rows.map(({ name }) => name)).to.have.members([...derivedTables, ...operationalTables])
  })

  it('says unavailable while nobody listens, and for a database or table that is missing', async () => {
    const away = connect('postgres://nobody@127.0.0.1:1/none')
    expect(await codeOfRejected(away.check())).to.equal('database/away')
    await away.stop()
    const empty = await testDatabase()
    const unmigrated = connect(empty.url)
    expect(await codeOfRejected(unmigrated.db.selectFrom('commands').selectAll().execute())).to.equal(
      'database/not_migrated',
    )
    await unmigrated.stop()
    await empty.drop()
  })

  it('says unavailable when its connection is cut under a transaction, and connects again by itself', async () => {
    const { url, drop } = await testDatabase()
    const cut = connect(url, { poolSize: 1 })
    const cutting = cut.db.transaction().execute(async (transaction) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction)
      await sql`select pg_terminate_backend(${rows[0]!.pid})`.execute(database().db)
      await sql`select 1`.execute(transaction)
    })
    expect(await codeOfRejected(cutting)).to.equal('database/away')
    await cut.check()
    await cut.stop()
    await cut.stop()
    await drop()
  })

  it('gives up a statement that takes longer than allowed', async () => {
    const { url, drop } = await testDatabase()
    const hasty = connect(url, { statementTimeoutMs: 20 })
    expect(await codeOfRejected(sql`select pg_sleep(5)`.execute(hasty.db))).to.equal('database/too_slow')
    await hasty.stop()
    await drop()
  })

  it('stops before it was ever used', async () => {
    const unused = connect('postgres://nobody@127.0.0.1:1/none')
    await unused.stop()
    await unused.stop()
  })
})
