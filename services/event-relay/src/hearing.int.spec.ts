import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { bucketKey, bucketOf, buckets, exchanges, projectorQueue, projectorQueues, sagaQueue } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import { createDatabase, loadCheckpoint, saveCheckpoint } from '@journey/read-model'
import { logOf, testReadModel } from '@journey/read-model/testing'
import { readSettings, silentLog, type Readiness } from '@journey/runtime'
import { build } from './container.js'
import { Settings } from './settings.js'

const limitMs = 40_000

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const setup = async (env: Record<string, string> = {}) => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const log = silentLog()
  const store = createEventStore({ url: testEventStoreUrl(), log })
  const database = createDatabase({ url: own.url, name: 'spec', log })
  const { db } = database
  const broker = await openTestBroker(vhost.url)
  /** Stores the beginning of a journey, and tells its event's id, stream and position. */
  const begin = async () => {
    const [started] = logOf([{ client: 0, action: 'start', pick: 0 }], `spec-${randomUUID()}`)
    const { id, event, stream, source, correlationId, causationId, actor, at } = started!
    const metadata = {
      $correlationId: correlationId,
      $causationId: causationId,
      version: '1.0',
      timestamp: at,
      source,
      actor,
    }
    const { position } = await store.append(stream, 'no_stream', [{ id, type: event.type, data: event.data, metadata }])
    return { id, stream, position: position! }
  }
  const port = await freePort()
  const live = async () => {
    const settings = readSettings(Settings, {
      DATABASE_URL: own.url,
      RABBITMQ_URL: vhost.url,
      RABBITMQ_MANAGEMENT_URL: vhost.managementUrl,
      EVENT_STORE_URL: testEventStoreUrl(),
      JOURNEY_HEALTH_PORT: String(port),
      JOURNEY_RELAY_BINDINGS_MS: '200',
      LOG_LEVEL: 'silent',
      ...env,
    })
    const { service } = build(settings)
    await service.start()
    return service
  }
  /** The ids that come to a queue from now on. */
  const hear = async (queue: string): Promise<string[]> => {
    const ids: string[] = []
    await broker.channel.consume(queue, (message) => message && ids.push(String(message.properties.messageId)), {
      noAck: true,
    })
    return ids
  }
  return {
    db,
    broker,
    begin,
    live,
    hear,
    whole: () => loadCheckpoint(db, 'event-relay.bound'),
    ready: async () => (await (await fetch(`http://127.0.0.1:${port}/ready`)).json()) as Readiness,
    metrics: async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    stop: async () => {
      await Promise.all([broker.close(), store.stop(), database.stop()])
      await Promise.all([own.drop(), vhost.drop()])
    },
  }
}

const queueOf = (stream: string): string => projectorQueue(buckets.indexOf(bucketOf(stream)) % projectorQueues)

describe('a binding that is taken away under the relay', () => {
  it('is found and put back, and what its queue did not hear is published again', async () => {
    const house = await setup()
    const { db, broker, begin, live, hear, whole, stop } = house
    const before = await begin()
    await saveCheckpoint(db, 'event-relay', before.position - 1n) // what other specs stored is theirs
    const service = await live()
    await eventually('all bindings seen', async () => ((await whole()) ?? 0n) >= before.position, limitMs)
    await broker.channel.unbindQueue(sagaQueue, exchanges.events.name, 'journey.*')
    const heard = await hear(sagaQueue)
    const lost = await begin()
    await eventually('the lost event', () => heard.includes(lost.id), limitMs)
    await eventually(
      'the end of the gap',
      async () => (await loadCheckpoint(db, 'event-relay.gap')) === undefined,
      limitMs,
    )
    expect(heard.filter((id) => id === lost.id)).to.have.length(1)
    await service.stop()
    await stop()
  }).timeout(3 * limitMs)

  it('is found at the start', async () => {
    const house = await setup()
    const { db, broker, begin, live, hear, whole, stop } = house
    const before = await begin()
    await saveCheckpoint(db, 'event-relay', before.position - 1n)
    const first = await live()
    await eventually('all bindings seen', async () => ((await whole()) ?? 0n) >= before.position, limitMs)
    await first.stop()
    // As if it had been published while the binding was away, and the relay had died before it looked.
    const lost = await begin()
    await broker.channel.unbindQueue(queueOf(lost.stream), exchanges.events.name, bucketKey(bucketOf(lost.stream)))
    await saveCheckpoint(db, 'event-relay', lost.position)
    const heard = await hear(queueOf(lost.stream))
    const second = await live()
    await eventually('the lost event', () => heard.includes(lost.id), limitMs)
    await second.stop()
    await stop()
  }).timeout(3 * limitMs)

  it('stops the relay by its name while it cannot be put back', async () => {
    const house = await setup()
    const { db, broker, begin, live, hear, whole, ready, metrics, stop } = house
    const before = await begin()
    await saveCheckpoint(db, 'event-relay', before.position - 1n)
    const service = await live()
    await eventually('all bindings seen', async () => ((await whole()) ?? 0n) >= before.position, limitMs)
    // A queue of that name with other arguments: declaring again is refused.
    await broker.channel.deleteQueue(sagaQueue)
    await broker.channel.assertQueue(sagaQueue, { durable: true })
    const { checks } = await eventually(
      'the relay to stop',
      async () => {
        const answer = await ready()
        return answer.checks.bindings?.ok === false && answer
      },
      limitMs,
    )
    expect(checks.bindings?.error).to.include(`${sagaQueue} ← journey.events: `)
    expect(await metrics()).to.match(/^journey_relay_missing_bindings(\{.*\})? [1-9]/m)
    const waiting = await begin()
    const elsewhere = await hear(queueOf(waiting.stream))
    await broker.channel.deleteQueue(sagaQueue)
    await eventually('the event', () => elsewhere.includes(waiting.id), limitMs)
    await eventually('ready again', async () => (await ready()).checks.bindings?.ok, limitMs)
    await service.stop()
    await stop()
  }).timeout(4 * limitMs)
})

describe('a management API that is away', () => {
  it('is told of, and stops nothing', async () => {
    const { db, begin, live, hear, ready, stop } = await setup({
      RABBITMQ_MANAGEMENT_URL: `http://u:p@127.0.0.1:${await freePort()}`,
      RABBITMQ_CLUSTERED: 'false',
    })
    const one = await begin()
    await saveCheckpoint(db, 'event-relay', one.position - 1n)
    const service = await live()
    const heard = await hear(sagaQueue)
    await eventually('the event', () => heard.includes(one.id), limitMs)
    const { bindings } = (await ready()).checks
    expect(bindings?.ok).to.equal(true)
    expect(bindings?.note).to.include('management API')
    await service.stop()
    await stop()
  }).timeout(2 * limitMs)
})
