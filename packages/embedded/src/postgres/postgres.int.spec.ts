import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { until } from '../supervisor/until.js'
import { testStateFolder } from '../testing/state-folder.js'
import { ensureDatabase, onConnection } from './databases.js'
import { createPostgres } from './postgres.js'

const setup = async () => {
  const { stateDir, ports, remove } = testStateFolder()
  const port = await ports.of('postgres')
  const start = async () => {
    const postgres = createPostgres({ stateDir, port, log: silentLog() })
    await postgres.start()
    return postgres
  }
  return { stateDir, start, remove }
}

const query = async (url: string, sql: string): Promise<unknown[]> =>
  onConnection(url, async (client) => (await client.query<Record<string, unknown>>(sql)).rows)

const untilAnswer = (url: string) => until(() => query(url, 'select 1'), AbortSignal.timeout(20_000))

describe('an embedded PostgreSQL', () => {
  it('keeps its data and its address over a stop and a start', async () => {
    const { stateDir, start, remove } = await setup()
    const first = await start()
    const url = await ensureDatabase(first.url(), 'ledger')
    await query(url, 'create table facts as select 42 as answer')
    await first.stop()

    const second = await start()
    expect(second.url('ledger')).to.equal(url)
    expect(await query(url, 'select answer from facts')).to.deep.equal([{ answer: 42 }])
    expect(await query(url, "select current_setting('fsync') as fsync, current_setting('max_connections') as max"))
      .to //
      .deep.equal([{ fsync: 'on', max: '200' }])
    expect(statSync(join(stateDir, 'secrets', 'postgres')).mode & 0o777).to.equal(0o600)
    await second.stop()
    await remove()
  })

  it('is started again after kill -9, with everything that was committed', async () => {
    const { start, remove } = await setup()
    const postgres = await start()
    await query(postgres.url(), 'create table facts as select 42 as answer')
    const pid = postgres.pid()!
    process.kill(pid, 'SIGKILL')
    await until(
      () => Promise.resolve(expect(postgres.pid()).to.be.a('number').and.not.equal(pid)),
      AbortSignal.timeout(5_000),
    )
    await untilAnswer(postgres.url())
    expect(postgres.restarts()).to.be.at.least(1)
    expect(await query(postgres.url(), 'select answer from facts')).to.deep.equal([{ answer: 42 }])
    await postgres.stop()
    await remove()
  })

  it('starts though the postmaster.pid that was left behind names another living process', async () => {
    const { stateDir, start, remove } = await setup()
    await (await start()).stop()
    const { uid, gid } = statSync(join(stateDir, 'postgres', 'data'))
    const stranger = spawn('sleep', ['60'], { uid, gid })
    writeFileSync(join(stateDir, 'postgres', 'data', 'postmaster.pid'), `${stranger.pid ?? 0}\n`)
    const postgres = await start()
    await untilAnswer(postgres.url())
    await postgres.stop()
    stranger.kill()
    await once(stranger, 'exit')
    await remove()
  })
})

describe('a database', () => {
  it('is created once, however many ask for it at the same time', async () => {
    const { start, remove } = await setup()
    const postgres = await start()
    const urls = await Promise.all([1, 2, 3, 4].map(() => ensureDatabase(postgres.url(), 'odd "name"')))
    expect(new Set(urls).size).to.equal(1)
    expect(await query(urls[0]!, 'select current_database() as name')).to.deep.equal([{ name: 'odd "name"' }])
    await postgres.stop()
    await remove()
  })
})
