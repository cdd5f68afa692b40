import { bucketKey, bucketOf, exchanges, ownedBy, topologyFor, type Queue, type Topology } from '@journey/contracts'
import { testVhost } from '@journey/embedded/testing'
import { silentLog, type Part } from '@journey/runtime'
import { expect } from 'chai'
import { createConnection, type Connection } from '../connection.js'
import { createConsumer } from '../consumer.js'
import { openTestBroker, type TestBroker } from '../testing/broker.js'
import { eventually } from '../testing/eventually.js'
import { applyTopology, planTopology } from './apply.js'
import { createBrokerTeller } from './broker.js'
import { createManagement, type Management } from './management.js'

const table = ownedBy('notifier', topologyFor({ version: '3.10.8' }))
const queue = 'notifier.events'

/** The table with other arguments of one queue. */
const changed = (own: Queue['arguments']): Topology => ({
  ...table,
  queues: table.queues.map((one) => (one.name === queue ? { ...one, arguments: { ...one.arguments, ...own } } : one)),
})

type House = {
  broker: TestBroker
  connection: Connection
  management: Management
  url: string
  apply: (table: Topology, note?: (step: string) => void) => ReturnType<typeof applyTopology>
  ids: () => string[]
  consumer: (handler?: () => Promise<void>) => Part
}

const withBroker = async (use: (house: House) => Promise<void>): Promise<void> => {
  const vhost = await testVhost()
  const broker = await openTestBroker(vhost.url)
  const connection = createConnection({ url: vhost.url, name: 'topology-spec', log: silentLog() })
  await connection.start()
  const management = createManagement({ url: vhost.managementUrl, amqpUrl: vhost.url })
  const ids: string[] = []
  try {
    await use({
      broker,
      connection,
      management,
      url: vhost.url,
      apply: (wanted, note = () => undefined) =>
        applyTopology({ connection, management, table: wanted, letGo: () => Promise.resolve(), note }),
      ids: () => ids,
      consumer: (handler = () => Promise.resolve()) =>
        createConsumer({
          connection,
          queue,
          prefetch: 10,
          log: silentLog(),
          handler: async ({ properties }) => {
            await handler()
            ids.push(properties.messageId!)
          },
        }),
    })
  } finally {
    await connection.stop()
    await broker.close()
    await vhost.drop()
  }
}

const publish = (broker: TestBroker, id: string) =>
  broker.publish(
    exchanges.events.name,
    'journey.started',
    { id },
    { messageId: id, headers: { own: id }, expiration: '90000' },
  )

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `m-${from + n}`)

describe('applying the topology', () => {
  it('declares everything on an empty broker, and finds nothing to do after that', () =>
    withBroker(async ({ apply, management }) => {
      const whole = topologyFor({ version: '3.10.8' })
      expect(await planTopology(management, whole)).to.have.lengthOf(whole.exchanges.length + whole.queues.length)
      expect(await apply(whole)).to.deep.equal([])
      expect(await planTopology(management, whole)).to.deep.equal([])
    }))

  it('tells a broker that stands alone, and one of which it is said that it is a cluster', () =>
    withBroker(async ({ url }) => {
      const server = { product: 'RabbitMQ', version: '3.10.8' }
      const alone = createBrokerTeller({ amqpUrl: url, managementUrl: undefined, clustered: undefined })
      expect(await alone(server)).to.deep.equal({ version: '3.10.8', clustered: false })
      const said = createBrokerTeller({ amqpUrl: url, managementUrl: 'http://127.0.0.1:9', clustered: true })
      expect(await said(server)).to.deep.equal({ version: '3.10.8', clustered: true })
    }))

  it('declares a queue anew with all its messages as they were, and what is published meanwhile', () =>
    withBroker(async ({ apply, broker, management }) => {
      await apply(table)
      for (const id of numbers(0, 500)) await publish(broker, id)
      const publishing = new AbortController()
      const meanwhile = (async () => {
        let n = 500
        for (; !publishing.signal.aborted; n++) await publish(broker, `m-${n}`)
        return n
      })()
      expect(await apply(changed({ 'x-message-ttl': 3_600_000 }))).to.deep.equal([])
      publishing.abort()
      const count = await meanwhile
      expect(count).to.be.greaterThan(500)

      const [found] = (await management.queues()).filter(({ name }) => name === queue)
      expect(found?.arguments['x-message-ttl']).to.equal(3_600_000)
      const seen = new Set<string>()
      for (let message = await broker.take(queue); message; message = await broker.take(queue)) {
        const { messageId, headers, expiration } = message.properties
        expect(headers).to.deep.include({ own: messageId })
        expect(Number(expiration)).to.equal(90_000)
        seen.add(messageId!)
      }
      expect([...seen].sort()).to.deep.equal(numbers(0, count).sort())
      expect((await management.queues()).map(({ name }) => name)).not.to.include(`${queue}.migrating`)
    })).timeout(60_000)

  it('goes on where a migration was cut off, wherever that was', () =>
    withBroker(async ({ apply, broker, management, url }) => {
      await apply(table)
      for (let cut = 1, ttl = 1_000_000; cut <= 3; cut++) {
        ttl++
        const cutOff = createConnection({ url, name: 'cut-off', log: silentLog(), firstDelayMs: 100_000 })
        await cutOff.start()
        for (const id of numbers(0, 300)) await publish(broker, `${cut}-${id}`)
        let step = 0
        const died = await applyTopology({
          connection: cutOff,
          management,
          table: changed({ 'x-message-ttl': ttl }),
          letGo: () => Promise.resolve(),
          note: () => {
            if (++step === cut) throw new Error('killed')
          },
        }).then(
          () => 'through',
          () => 'cut off',
        )
        await cutOff.stop()
        for (const id of numbers(300, 320)) await publish(broker, `${cut}-${id}`)
        expect(await apply(changed({ 'x-message-ttl': ttl })), died).to.deep.equal([])
        const seen = new Set<string>()
        for (let message = await broker.take(queue); message; message = await broker.take(queue))
          seen.add(message.properties.messageId!)
        expect([...seen].sort()).to.deep.equal(
          numbers(0, 320)
            .map((id) => `${cut}-${id}`)
            .sort(),
        )
      }
    })).timeout(60_000)

  it('loses nothing that a consumer holds while its queue is declared anew', () =>
    withBroker(async ({ apply, broker, consumer, ids }) => {
      await apply(table)
      let release = (): void => undefined
      const held = new Promise<void>((resolve) => (release = resolve))
      const part = consumer(() => held)
      await part.start()
      for (const id of numbers(0, 100)) await publish(broker, id)
      let isDone = false
      let isBeside = (): void => undefined
      const beside = new Promise<void>((resolve) => (isBeside = resolve))
      const applying = apply(changed({ 'x-message-ttl': 7_200_000 }), () => isBeside()).finally(() => (isDone = true))
      await beside
      await eventually(
        'the messages that nobody holds are moved',
        async () => (await broker.depth(`${queue}.migrating`)) === 90,
      )
      expect(isDone).to.equal(false)
      release()
      expect(await applying).to.deep.equal([])
      await eventually('all are handled', () => new Set(ids()).size === 100)
      await part.stop()
    })).timeout(60_000)

  it('takes away bindings that are too many, and leaves what it does not know to a person', () =>
    withBroker(async ({ apply, broker, management }) => {
      await apply(table)
      await broker.channel.bindQueue(queue, exchanges.events.name, 'knowledge.*')
      await broker.channel.assertQueue('notifier.old', { durable: true })
      const left = await apply(table)
      expect(left.map(({ kind, name, remedy }) => [kind, name, remedy])).to.deep.equal([
        ['extra', 'notifier.old', 'by hand: delete it once nobody needs what is in it'],
      ])
      expect((await management.bindings()).some(({ key }) => key === 'knowledge.*')).to.equal(false)
    }))

  it('gives what is in a queue too many of the projector to those that took over', () =>
    withBroker(async ({ apply, broker, connection, management }) => {
      const of = (projectorQueues: number) =>
        ownedBy('projector', topologyFor({ version: '3.10.8' }, { projectorQueues }))
      await apply(of(7))
      const streams = Array.from({ length: 200 }, (_, n) => `journey-client-${n}`)
      for (const stream of streams)
        await broker.publish(
          exchanges.events.name,
          'journey.started',
          {},
          {
            messageId: stream,
            headers: { 'partition-key': stream },
            CC: [bucketKey(bucketOf(stream))],
          },
        )
      await broker.publish(exchanges.deadLetters.name, 'dlx.projector.events.6', {}, { messageId: 'dead' })
      let lettingGo = 0
      const left = await applyTopology({
        connection,
        management,
        table: of(2),
        letGo: () => {
          lettingGo++
          return Promise.resolve()
        },
        note: () => undefined,
      })
      expect(left).to.deep.equal([])
      expect(lettingGo).to.equal(1)
      const inQueue = async (name: string): Promise<string[]> => {
        const ids: string[] = []
        await broker.channel.consume(name, (message) => ids.push(String(message?.properties.messageId)), {
          noAck: true,
        })
        await eventually(`${name} is read`, async () => ids.length > 0 && (await broker.depth(name)) === 0)
        return ids.sort()
      }
      const [first, second] = [await inQueue('projector.events.0'), await inQueue('projector.events.1')]
      expect([...first, ...second].sort()).to.deep.equal([...streams].sort())
      const moved = streams.filter((stream) => Number(bucketOf(stream)) % 7 > 1)
      expect(first).to.include.members(moved.filter((stream) => Number(bucketOf(stream)) % 2 === 0))
      expect(second).to.include.members(moved.filter((stream) => Number(bucketOf(stream)) % 2 === 1))
      expect(await inQueue('projector.events.0.dlq')).to.deep.equal(['dead'])
    })).timeout(60_000)
})
