import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { sql } from 'kysely'
import { exchanges, fromStored, toBus, type Recorded, type Stored } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import { createCuttableLink, eventually, openTestBroker } from '@journey/messaging/testing'
import { createDatabase, relayProofs } from '@journey/read-model'
import { actions, actualRows, expectedRows, logOf, testReadModel, type Move } from '@journey/read-model/testing'
import { readSettings, silentLog, type Environment } from '@journey/runtime'
import { build } from './container.js'
import { Settings } from './settings.js'
import { publicationOf, stored } from './testing/events.js'

const moves = Array.from({ length: 250 }, (_, n): Move => ({
  client: n % 3,
  action: actions[(n * 31) % actions.length]!,
  pick: n % 17,
}))

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const setup = async () => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const link = await createCuttableLink(own.url)
  const broker = await openTestBroker(vhost.url)
  const store = createEventStore({ url: testEventStoreUrl(), log: silentLog() })
  const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
  const { db } = database
  const proofs = await relayProofs(db)()
  const log = await stored(store, logOf(moves, `spec-${randomUUID()}`))
  const port = await freePort()
  const env: Environment = {
    DATABASE_URL: link.url,
    RABBITMQ_URL: vhost.url,
    EVENT_STORE_URL: testEventStoreUrl(),
    JOURNEY_HEALTH_PORT: String(port),
    JOURNEY_PROJECTOR_BATCH: '20',
    LOG_LEVEL: 'silent',
  }
  const { service } = build(readSettings(Settings, env))
  await service.start()
  const expected = expectedRows(log.flatMap((one) => fromStored(one) ?? []))
  return {
    db,
    link,
    log,
    store,
    broker,
    health: async (path: string) => fetch(`http://127.0.0.1:${port}${path}`),
    /** The values of a metric's series that have a label beginning so. */
    figure: async (name: string, label: string): Promise<number[]> => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(`"${label}`))
      return lines.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
    },
    publish: async (event: Stored, more: Record<string, string> = {}) => {
      const { key, body, properties } = publicationOf(event, proofs)
      const timestamp = Math.floor(Date.now() / 1000)
      const headers = { ...properties.headers, ...more }
      await broker.publish(exchanges.events.name, key, body, { ...properties, headers, timestamp })
    },
    hasAll: async () => {
      try {
        expect(await actualRows(db)).to.deep.equal(expected)
        return true
      } catch {
        return false
      }
    },
    mustHaveAll: async () => expect(await actualRows(db)).to.deep.equal(expected),
    stop: async () => {
      await service.stop()
      await broker.close()
      await store.stop()
      await database.stop()
      await link.close()
      await Promise.all([own.drop(), vhost.drop()])
    },
  }
}

const withProjector = async (use: (house: Awaited<ReturnType<typeof setup>>) => Promise<void>): Promise<void> => {
  const house = await setup()
  try {
    await use(house)
  } finally {
    await house.stop()
  }
}

describe('the projector', () => {
  it('makes the rows that the streams tell of, though messages are lost and come twice', () =>
    withProjector(async ({ log, publish, hasAll, mustHaveAll, health }) => {
      const last = new Map(log.map((event) => [event.stream, event]))
      const arriving = log.filter((event, n) => n % 5 !== 0 || last.get(event.stream) === event)
      for (const [n, event] of arriving.entries()) {
        await publish(event)
        if (n % 7 === 0) await publish(arriving[Math.floor(n / 2)]!)
      }
      await eventually('all rows', hasAll).catch(mustHaveAll)
      expect((await health('/ready')).status).to.equal(200)
      const metrics = async () => (await health('/metrics')).text()
      expect(await metrics()).to.match(/journey_projection_events_total\{outcome="healed".*\} [1-9]/)
      // What is counted in the tables is up to 5 s old.
      const counted = [
        /journey_active_count\{stage="sandbox".*\} \d/,
        /journey_exit_criteria_pass_rate\{stage="sandbox".*\} (0\.\d+|0|1)\n/,
      ]
      const areThere = async () => {
        const now = await metrics()
        return counted.every((figure) => figure.test(now))
      }
      await eventually('the figures of the tables', areThere, 20_000)
    }))

  it('waits while PostgreSQL is away, says so, and goes on by itself', () =>
    withProjector(async ({ log, publish, hasAll, mustHaveAll, health, link }) => {
      const half = Math.floor(log.length / 2)
      for (const event of log.slice(0, half)) await publish(event)
      link.sever()
      for (const event of log.slice(half)) await publish(event)
      expect((await health('/ready')).status).to.equal(503)
      expect(await hasAll()).to.equal(false)
      link.mend()
      for (const event of log.slice(0, 3)) await publish(event)
      await eventually('all rows', hasAll, 20_000).catch(mustHaveAll)
      link.cut()
      await eventually('ready again', async () => (await health('/ready')).status === 200)
    }))

  it('tells how far each partition is behind while it stands still, and that it is not once it goes on', () =>
    withProjector(async ({ db, log, publish, hasAll, mustHaveAll, figure }) => {
      const isBehind = async () =>
        (await figure('journey_bus_lag_seconds', 'projector.events.')).some((lag) => lag > 1.5)
      await db.transaction().execute(async (transaction) => {
        await sql`lock table projection_gates in exclusive mode`.execute(transaction)
        for (const event of log) await publish(event)
        await eventually('a lag that grows', isBehind, 20_000)
        const inHand = await figure('journey_bus_in_hand_count', 'projector.events.')
        expect(inHand.some((count) => count > 0)).to.equal(true)
      })
      await eventually('all rows', hasAll, 20_000).catch(mustHaveAll)
      await eventually('no lag', async () =>
        (await figure('journey_bus_lag_seconds', 'projector.events.')).every((lag) => lag === 0),
      )
    }))

  it('tells that its consumers are held back while PostgreSQL is away, and no longer afterwards', () =>
    withProjector(async ({ log, publish, link, figure }) => {
      const held = () => figure('journey_bus_breaker_open', 'projector.events.')
      expect(await held()).to.deep.equal([0, 0, 0, 0])
      link.sever()
      for (const event of log) await publish(event)
      await eventually('held back', async () => (await held()).includes(1), 20_000)
      link.mend()
      await eventually('going on', async () => (await held()).every((value) => value === 0), 30_000)
    }))

  it('tells how long commands took to become visible, and how many duplicates came', () =>
    withProjector(async ({ log, publish, hasAll, mustHaveAll, figure }) => {
      const sentAt = new Date(Date.now() - 3_000).toISOString()
      for (const event of log) await publish(event, { 'command-at': sentAt })
      for (const event of log.slice(0, 5)) await publish(event, { 'command-at': sentAt })
      await eventually('all rows', hasAll, 20_000).catch(mustHaveAll)
      await eventually(
        'the duplicates',
        async () => (await figure('journey_projection_events_total', 'duplicate'))[0] === 5,
      )
      expect((await figure('journey_critical_time_seconds_count', ''))[0]).to.equal(log.length)
      const [p50] = await figure('journey_critical_time_recent_seconds', '0.5')
      expect(p50).to.be.within(3, 30)
    }))

  it('keeps what it cannot read as dead letters and goes on', () =>
    withProjector(async ({ db, log, publish, broker, hasAll, mustHaveAll }) => {
      const { revision: _, ...noRevision } = toBus(log[0]!)!.metadata
      await broker.publish(exchanges.events.name, 'bucket.07', Buffer.from('rubbish'), { messageId: 'rubbish' })
      await broker.publish(exchanges.events.name, 'bucket.07', { ...toBus(log[0]!), metadata: noRevision })
      await broker.publish(exchanges.events.name, 'bucket.07', { ...toBus(log[0]!), event_version: '2.0' })
      for (const event of log) await publish(event)
      await eventually('all rows', hasAll).catch(mustHaveAll)
      const letters = await eventually('dead letters', async () => {
        const rows = await db.selectFrom('dead_letters').select(['queue', 'reason', 'code', 'state']).execute()
        return rows.length === 3 && rows
      })
      const queue = 'projector.events.3'
      expect(letters).to.have.deep.members([
        { queue, reason: 'malformed', code: 'json/unreadable', state: 'open' },
        { queue, reason: 'malformed', code: 'event/invalid', state: 'open' },
        { queue, reason: 'unsupported_version', code: 'event/unsupported_version', state: 'open' },
      ])
    }))

  it('parks a stream at its first event of a newer major version, and lets the others go on', () =>
    withProjector(async ({ db, store, log, publish, hasAll, mustHaveAll }) => {
      const ofJourney = (event: Stored) => event.stream.startsWith('journey-')
      const last = fromStored(log.findLast(ofJourney)!)!
      const then = (n: number, version: string): Recorded => ({
        ...last,
        id: randomUUID(),
        revision: last.revision + n,
        version,
      })
      const whole = await stored(store, [then(1, '2.0'), then(2, '1.0')])
      const [newer, after] = whole.slice(-2)
      for (const event of log) await publish(event)
      await publish(newer!)
      await publish(after!)
      const parked = await eventually('a parked stream', async () => {
        const rows = await db
          .selectFrom('parked_streams')
          .select(['stream', 'first_revision', 'last_seen', 'code'])
          .execute()
        return rows.length > 0 && rows
      })
      expect(parked).to.deep.equal([
        {
          stream: last.stream,
          first_revision: last.revision + 1,
          last_seen: last.revision + 2,
          code: 'event/unsupported_version',
        },
      ])
      await eventually('all other rows', hasAll).catch(mustHaveAll)
    }))
})
