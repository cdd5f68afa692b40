import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { EventStoreDBClient, persistentSubscriptionToAllSettingsFromDefaults } from '@eventstore/db-client'
import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import pg from 'pg'
import { testDatabase } from '../testing/isolation.js'
import { until } from '../supervisor/until.js'
import { createEventStoreNode } from './event-store-node.js'
import { anEvent, brief, collect, events, failureOf, freshStream, testNode } from './testing.js'

const onDatabase = async <T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<T>(sql)).rows
  } finally {
    await client.end()
  }
}

const endSessions = (url: string) =>
  onDatabase(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name like 'event store node%'`,
  )

describe('an event store node', () => {
  const setup = testNode

  it('finds its events again after a stop and a start', async () => {
    const { client, node, databaseUrl, stop } = await setup()
    const stream = freshStream()
    const { position } = await client.appendToStream(stream, events('a', 'b'))
    await node.stop()
    const again = createEventStoreNode({ host: '127.0.0.1', port: 0, databaseUrl })
    await again.start()
    const other = EventStoreDBClient.connectionString(`esdb://127.0.0.1:${again.address().port}?tls=false`)
    expect(await brief(other.readStream(stream))).to.deep.equal(['a#0', 'b#1'])
    const later = await other.appendToStream(stream, anEvent('c'), { expectedRevision: 1n })
    expect(later.position!.commit > position!.commit).to.equal(true)
    await other.dispose()
    await again.stop()
    await stop()
  })

  it('refuses to start where another node holds the database, and says so', async () => {
    const { client, databaseUrl, stop } = await setup()
    const second = createEventStoreNode({ host: '127.0.0.1', port: 0, databaseUrl, lockPatienceMs: 200 })
    const error: unknown = await second.start().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(codeOf(error)).to.equal('event_store_node/database_in_use')
    expect((error as Error).message).to.match(/Another event store node holds this database/)
    await second.stop()
    expect((await client.appendToStream(freshStream(), anEvent('a'))).success).to.equal(true)
    await stop()
  })

  it('frees its port when it cannot start, and its database when it cannot listen', async () => {
    const { client, databaseUrl, node, stop } = await setup()
    await client.dispose()
    await node.stop()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    expect(await failureOf(createEventStoreNode({ host: '127.0.0.1', port, databaseUrl }).start())).to.equal('Error')
    taken.close()
    const free = createEventStoreNode({ host: '127.0.0.1', port, databaseUrl, lockPatienceMs: 0 })
    await free.start()
    await free.stop()
    await stop()
  })

  it('goes on when its PostgreSQL sessions are cut under load; repeating with the same ids stores nothing twice', async () => {
    const { client, url, node, databaseUrl, stop } = await setup()
    const stream = freshStream()
    const subscription = client.subscribeToStream(stream)
    const told: bigint[] = []
    let wake = (): void => undefined
    subscription.on('data', ({ event }) => {
      told.push(event!.revision)
      wake()
    })
    const writer = EventStoreDBClient.connectionString(url)
    const answered = new Map<string, bigint>()
    let cut = 0
    const append = async (k: string): Promise<void> => {
      const event = anEvent(k)
      for (;;) {
        try {
          const { nextExpectedRevision } = await writer.appendToStream(stream, event)
          answered.set(k, nextExpectedRevision)
          if (answered.size % 60 === 0) cut += (await endSessions(databaseUrl)).length
          return
        } catch (error) {
          expect((error as Error).constructor.name).to.equal('UnavailableError')
        }
      }
    }
    const write = async (name: string): Promise<void> => {
      for (let k = 0; k < 60; k++) await append(`${name}${k}`)
    }
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(write))
    expect(cut, 'sessions cut').to.be.above(3)
    const stored = await brief(client.readStream(stream))
    expect(stored).to.have.lengthOf(480)
    expect(new Set(stored)).to.deep.equal(new Set([...answered].map(([k, revision]) => `${k}#${revision}`)))
    while (told.length < 480) await new Promise<void>((resolve) => (wake = resolve))
    expect(told, 'the subscription lived through it').to.deep.equal(stored.map((_, revision) => BigInt(revision)))
    await until(() => node.ready(), AbortSignal.timeout(20_000)) // the last cut may have been a moment ago
    await subscription.unsubscribe()
    await writer.dispose()
    await stop()
  })

  it('answers what it took and ends open calls with CANCELLED when it is stopped', async () => {
    const { client, url, node, databaseUrl, stop } = await setup()
    const stream = freshStream()
    const subscription = client.subscribeToStream(stream)
    const ended = new Promise<string>((resolve) => subscription.on('error', (error) => resolve(error.constructor.name)))
    await new Promise((resolve) => subscription.on('caughtUp', () => resolve(undefined)))
    const writer = EventStoreDBClient.connectionString(url)
    await writer.appendToStream(stream, anEvent('first'))
    const outcomes = Array.from({ length: 50 }, async (_, k) => [
      k,
      await failureOf(writer.appendToStream(stream, anEvent(String(k)))),
    ])
    await node.stop()
    expect(await ended).to.equal('CancelledError')
    const all = await Promise.all(outcomes)
    const stored = await onDatabase<{ data: Buffer }>(
      databaseUrl,
      'select data from event_store.events order by position',
    )
    const ks = stored.map(({ data }) => (JSON.parse(data.toString()) as { k?: string }).k)
    for (const [k, outcome] of all) {
      expect(outcome).to.be.oneOf(['no failure', 'CancelledError', 'UnavailableError'])
      if (outcome === 'no failure') expect(ks).to.include(String(k))
    }
    expect(await failureOf(client.appendToStream(stream, anEvent('late')))).not.to.equal('no failure')
    await writer.dispose()
    await stop()
  })

  it('is found by clients that discover a cluster, and tells its version', async () => {
    const { client, node, stop } = await setup()
    const discovering = EventStoreDBClient.connectionString(
      `esdb+discover://127.0.0.1:${node.address().port}?tls=false`,
    )
    const stream = freshStream()
    expect((await discovering.appendToStream(stream, anEvent('a'))).success).to.equal(true)
    expect(await collect(client.readStream(stream))).to.have.lengthOf(1)
    await discovering.dispose()
    await stop()
  })

  it('says UNIMPLEMENTED where it has nothing to offer, without harm', async () => {
    const { client, stop } = await setup()
    expect(await failureOf(client.listProjections())).to.equal('UnknownError')
    const group = client.createPersistentSubscriptionToAll('group', persistentSubscriptionToAllSettingsFromDefaults())
    expect(await failureOf(group)).to.equal('UnsupportedError')
    expect((await client.appendToStream(freshStream(), anEvent('a'))).success).to.equal(true)
    await stop()
  })

  it('stops with the npm that started it', async () => {
    const database = await testDatabase()
    const root = fileURLToPath(new URL('../../../../', import.meta.url))
    const args = ['run', '--silent', 'event-store', '--', '--port', '0', '--database', database.url]
    const npm = spawn('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    while (!output.includes('"msg":"listening"')) await once(npm.stdout, 'data')
    npm.kill('SIGTERM')
    await once(npm, 'close') // comes when the node, too, has let go of its output
    expect(output).to.include('"msg":"stopped"')
    await database.drop()
  })

  const run = async (...args: string[]) => {
    const main = fileURLToPath(new URL('main.js', import.meta.url))
    const child = spawn(process.execPath, [main, ...args], { env: {} })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number]
    return { code, output }
  }

  it('says in one line that its port is taken', async () => {
    const [database, taken] = [await testDatabase(), createServer().listen(0, '127.0.0.1')]
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const { code, output } = await run('--port', String(port), '--database', database.url, '--log-level', 'silent')
    expect([code, output]).to.deep.equal([
      1,
      `error: Port ${port} of 127.0.0.1 is taken. Stop what listens there, or name another with --port.\n`,
    ])
    taken.close()
    await database.drop()
  })

  it('explains itself on the command line', async () => {
    const help = await run('--help')
    expect(help.code).to.equal(0)
    for (const option of ['--port', '--host', '--data', '--database', '--health-port'])
      expect(help.output).to.include(option)
    const nameless = await run()
    expect([nameless.code, nameless.output]).to.deep.equal([
      1,
      'error: say where the events are: --data <folder>, --database postgres://…, or EVENT_STORE_DATABASE_URL in the environment\n',
    ])
    expect((await run('--port', 'x', '--database', 'postgres://h/d')).output).to.match(/--port must be a port/)
  })
})
