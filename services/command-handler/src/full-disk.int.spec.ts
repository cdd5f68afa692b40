import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { sql } from 'kysely'
import { createEventStoreNode } from '@journey/embedded'
import { testDatabase } from '@journey/embedded/testing'
import { commandQueue } from '@journey/contracts'
import { eventually } from '@journey/messaging/testing'
import { createDatabase, type Database } from '@journey/read-model'
import { silentLog } from '@journey/runtime'
import { openHouse, type House } from './testing/house.js'

/** Refuses every insert into the table as PostgreSQL does on a full disk; how often, a sequence counts, as it is not rolled back. */
const fill = async (db: Database['db'], table: string): Promise<void> => {
  await sql`create sequence refusals`.execute(db)
  await sql`create function full_disk() returns trigger language plpgsql as $$
    begin
      perform nextval('public.refusals');
      raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
    end $$`.execute(db)
  await sql`create trigger full_disk before insert on ${sql.table(table)}
    for each statement execute function full_disk()`.execute(db)
}
const refusals = async (db: Database['db']): Promise<number> => {
  const { rows } = await sql<{ count: number }>`
    select case when is_called then last_value else 0 end::int as count from refusals`.execute(db)
  return rows[0]!.count
}
const makeRoom = (db: Database['db'], table: string) => sql`drop trigger full_disk on ${sql.table(table)}`.execute(db)

describe('a command that comes while a disk is full', () => {
  let house: House
  let stopNode: () => Promise<void>
  let nodeDatabase: Database
  before(async () => {
    const own = await testDatabase()
    const node = createEventStoreNode({ host: '127.0.0.1', port: 0, databaseUrl: own.url })
    await node.start()
    nodeDatabase = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
    stopNode = async () => {
      await nodeDatabase.stop()
      await node.stop()
      await own.drop()
    }
    house = await openHouse({ isServed: false })
    await house.startAgain({ EVENT_STORE_URL: `esdb://127.0.0.1:${node.address().port}?tls=false` })
  })
  after(async () => {
    await house.close()
    await stopNode()
  })

  const start = () => ({
    command_id: randomUUID(),
    data: { client_id: `client-${randomUUID()}`, data_sources: ['jira'] },
  })

  for (const [whose, table] of [
    ['of the event store', 'event_store.events'],
    ['of the table of outcomes', 'commands'],
  ] as const)
    it(`${whose} is kept, nobody hears of it, and it is done once when there is room`, async () => {
      const db = table === 'commands' ? house.db : nodeDatabase.db
      const before = await house.ask('journey.start', start())
      expect(before.status).to.equal('accepted')
      await fill(db, table)
      const commands = [start(), start(), start()]
      const asked = await Promise.all(
        commands.map(async (command) => ({ command, by: await house.publish('journey.start', command) })),
      )
      await eventually('they are taken', async () => (await house.broker.depth(commandQueue)) === 0)
      await eventually('it was tried, and again', async () => (await refusals(db)) > 1)
      expect(asked.filter(({ by }) => house.answers.has(by))).to.deep.equal([])
      await makeRoom(db, table)
      for (const { command, by } of asked) {
        const answer = await eventually('the answer', () => house.answers.get(by), 60_000)
        expect(answer).to.deep.include({ command_id: command.command_id, status: 'accepted', revision: 0 })
      }
      expect(await house.deadLetters()).to.deep.equal([])
    }).timeout(120_000)
})
