import { expect } from 'chai'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCluster, createPorts, removeState, type Cluster } from '@journey/embedded'
import { createConnection, createConsumer, createPublisher, type Connection, type Publisher } from '@journey/messaging'
import { createDatabase, type Database } from '@journey/read-model'
import { actualRows, expectedRows } from '@journey/read-model/testing'
import { familyOf, silentLog } from '@journey/runtime'
import { freshClient } from './journeys.js'
import { readLog } from './log.js'
import { startSystem, until, type System } from './system.js'

const clients = Array.from({ length: 40 }, () => freshClient('cluster'))
/** So many confirmed commands may be without their outcome; the busier the machine, the slower they come. */
const backlog = 400
/** Commands that have to be confirmed between two deaths. */
const stride = 100

// Takes two to three minutes, so it is asked for: JOURNEY_SPEC_CLUSTER=1 npm test -- --spec cluster
const asked = process.env.JOURNEY_SPEC_CLUSTER === undefined ? describe.skip : describe

asked('a cluster of three RabbitMQ nodes that are killed one after the other', () => {
  let stateDir: string
  const log = silentLog()
  let cluster: Cluster
  let system: System
  let connection: Connection
  let database: Database
  const confirmed = new Set<string>()
  const heard = new Set<string>()
  const publishing = new AbortController()
  let flow: Promise<void> = Promise.resolve()

  /** As a client should: again under the same id until it is confirmed. */
  const send = async (publisher: Publisher, type: string, data: object): Promise<void> => {
    const command_id = randomUUID()
    const body = Buffer.from(JSON.stringify({ command_id, command_type: type, data }))
    for (;;) {
      try {
        await publisher.publish('journey.commands', type, body, { messageId: command_id })
        confirmed.add(command_id)
        return
      } catch (error) {
        if (familyOf(error) !== 'unavailable') throw error
        await connection.whenUp()
      }
    }
  }

  const outcomes = async (): Promise<number> => {
    const { count } = await database.db
      .selectFrom('commands')
      .select(({ fn }) => fn.countAll<string>().as('count'))
      .where('status', '<>', 'pending')
      .executeTakeFirstOrThrow()
    return Number(count)
  }

  const progress = async (after: string): Promise<void> => {
    const [sent, seen] = [confirmed.size, heard.size]
    await until(
      `commands are confirmed and events heard after ${after}`,
      () => Promise.resolve(confirmed.size > sent + stride && heard.size > seen + stride),
      90_000,
    )
  }

  before(async function () {
    this.timeout(240_000)
    stateDir = mkdtempSync(join(tmpdir(), 'journey-cluster-'))
    chmodSync(stateDir, 0o711)
    cluster = createCluster({ stateDir, ports: createPorts(stateDir), log })
    await cluster.start()
    system = await startSystem({
      JOURNEY_AGENTS: 'off',
      RABBITMQ_URL: cluster.url(),
      RABBITMQ_MANAGEMENT_URL: cluster.managementUrl(),
    })
    await system.bus.close()
    database = createDatabase({ url: system.endpoints.database, name: 'spec', log })
    const queue = {
      name: 'spec.events',
      owner: 'notifier' as const,
      bindings: [{ exchange: 'journey.events', key: '#' }],
      arguments: { 'x-queue-type': 'quorum' },
    }
    connection = createConnection({ url: cluster.url(), name: 'spec', log })
    await connection.start()
    await connection.declare({ exchanges: [], queues: [queue] })
    await createConsumer({
      connection,
      queue: queue.name,
      prefetch: 100,
      log,
      handler: ({ properties }) => {
        heard.add(properties.messageId ?? '')
        return Promise.resolve()
      },
    }).start()
    const publisher = createPublisher({ connection, timeoutMs: 10_000 })
    for (const client_id of clients) await send(publisher, 'journey.start', { client_id, data_sources: ['jira'] })
    flow = (async () => {
      for (let round = 0; !publishing.signal.aborted; round++) {
        const type = round % 2 === 0 ? 'journey.hold' : 'journey.release'
        await Promise.all(clients.map((client_id) => send(publisher, type, { client_id, reason: 'flow' })))
        await until('the backlog is small', async () => confirmed.size - (await outcomes()) < backlog, 90_000)
      }
    })()
    flow.catch(() => undefined) // heard of below
    await progress('the start')
  })
  after(async function () {
    this.timeout(120_000)
    publishing.abort()
    await flow.catch(() => undefined)
    await connection.stop()
    await database.stop()
    await system.stop()
    await Promise.all([1, 2, 3].map((n) => cluster.kill(n)))
    await cluster.stop()
    await removeState(stateDir)
  })

  it('keeps commands in a quorum queue on three nodes', async () => {
    const { origin, username, password } = new URL(cluster.managementUrl().split(',')[0]!)
    const answer = await fetch(`${origin}/api/queues/%2F/command-handler.commands`, {
      headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
    })
    const queue = (await answer.json()) as { type: string; members: string[] }
    expect(queue.type).to.equal('quorum')
    expect(queue.members).to.have.lengthOf(3)
  })

  for (const n of [1, 2, 3])
    it(`goes on by itself without node ${n}, and with it again`, async () => {
      await cluster.kill(n)
      await progress(`the death of node ${n}`)
      await cluster.back(n)
      await progress(`the return of node ${n}`)
    }).timeout(200_000)

  it('has lost nothing that was confirmed, and done nothing twice', async () => {
    publishing.abort()
    await flow
    await until('every confirmed command has its outcome', async () => {
      const rows = await database.db.selectFrom('commands').select(['command_id', 'status']).execute()
      const outcomes = new Map(rows.map((row) => [row.command_id, row]))
      const left = [...confirmed].map((id) => outcomes.get(id) ?? { command_id: id, status: 'unheard of' })
      const others = left.filter(({ status }) => status !== 'accepted')
      if (others.length > 0) throw new Error(`${others.length} are not: ${JSON.stringify(others.slice(0, 3))}`)
      return true
    })
    const events = await until('the log stands still', async () => {
      const before = await readLog(system.endpoints.event_store)
      return (await readLog(system.endpoints.event_store)).length === before.length && before
    })
    const caused = events.filter(({ causationId }) => confirmed.has(causationId))
    expect(new Set(caused.map(({ causationId }) => causationId)).size).to.equal(caused.length)
    expect(new Set(events.map(({ id }) => id)).size).to.equal(events.length)
    await until('every event was heard by a queue from outside', () =>
      Promise.resolve(events.every(({ id }) => heard.has(id))),
    )
    await until('the read model has everything', async () => {
      expect(await actualRows(database.db)).to.deep.equal(expectedRows(await readLog(system.endpoints.event_store)))
      return true
    })
    expect(await database.db.selectFrom('dead_letters').selectAll().execute()).to.deep.equal([])
  }).timeout(150_000)

  it('has every service ready, none of which was started again', async () => {
    for (const [name, url] of Object.entries(system.endpoints.services)) {
      await until(`${name} is ready`, async () => (await fetch(`${url}/ready`)).status === 200)
      expect(system.stack.processes().get(name)?.restarts() ?? 0, name).to.equal(0)
    }
  })
})
