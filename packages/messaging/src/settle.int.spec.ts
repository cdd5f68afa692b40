import { Fault, malformed, silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import { createBreaker } from './breaker.js'
import { createConsumer } from './consumer.js'
import { readDeadLetter } from './dead-letter.js'
import type { Message } from './message.js'
import { createBusMeters } from './meters.js'
import { observe } from './observe.js'
import { pipeline } from './pipeline.js'
import { createPublisher } from './publisher.js'
import { settle, type SettleOptions } from './settle.js'
import { openBus, quickSteps, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'

describe('a message whose handler fails', () => {
  let bus: Bus
  beforeEach(async () => (bus = await openBus(workTopology())))
  afterEach(() => bus.close())

  const consume = async (handler: (message: Message) => Promise<void>, options: Partial<SettleOptions> = {}) => {
    const registry = new Registry()
    const breaker = createBreaker({ name: 'work', log: silentLog(), firstDelayMs: 5, mostDelayMs: 20 })
    const settling = settle({
      publisher: createPublisher({ connection: bus.connection }),
      breaker,
      service: 'spec',
      steps: quickSteps,
      ...options,
    })
    const consumer = createConsumer({
      connection: bus.connection,
      queue: 'work',
      prefetch: 10,
      handler: pipeline(observe(createBusMeters(registry)), settling, handler),
      log: silentLog(),
    })
    await consumer.start()
    return { consumer, registry, breaker }
  }
  const settledQueue = () => eventually('an empty queue', async () => (await bus.broker.depth('work')) === 0)
  const deadLetter = async () =>
    readDeadLetter(await eventually('a dead letter', () => bus.broker.take('work.dlq')), new Date())

  it('as refused is settled, and the sender may be told', async () => {
    const told: string[] = []
    const { consumer, registry } = await consume(
      () => Promise.reject(new Fault('refused', 'journey/over', 'It is over')),
      {
        settled: (_message, error) => Promise.resolve(void told.push((error as Fault).code)),
      },
    )
    await bus.broker.publish('journey.events', 'work.a', {})
    await eventually('told', () => told.length === 1)
    await consumer.stop()
    await settledQueue()
    expect(await bus.broker.depth('work.dlq')).to.equal(0)
    expect(await registry.metrics()).to.contain('journey_bus_messages_consumed_total{queue="work",outcome="refused"} 1')
  })

  it('as malformed is dead-lettered at once, whole', async () => {
    let calls = 0
    await consume(() => (calls++, Promise.reject(malformed('command/unreadable', 'Not JSON'))))
    const properties = {
      messageId: 'm-1',
      correlationId: 'c',
      replyTo: 'r',
      type: 't',
      appId: 'app',
      priority: 4,
      timestamp: 1_769_509_800,
      contentEncoding: 'identity',
    }
    const headers = { text: 'ž', count: 3, flag: true, nested: { list: [1, 'two'] }, bytes: Buffer.from([0, 255]) }
    await bus.broker.publish('journey.events', 'work.a', Buffer.from([0, 1, 255]), {
      ...properties,
      headers,
      expiration: '60000',
      userId: bus.user,
      CC: ['work.cc'],
    })
    const dead = await deadLetter()
    expect(dead).to.deep.include({
      reason: 'malformed',
      code: 'command/unreadable',
      message: 'Not JSON',
      service: 'spec',
      queue: 'work',
      attempts: 1,
    })
    expect(dead.body).to.deep.equal(Buffer.from([0, 1, 255]))
    expect(dead.properties).to.deep.equal({ ...properties, contentType: 'application/json', headers })
    expect(dead.original).to.deep.equal({
      exchange: 'journey.events',
      routing_key: 'work.a',
      expiration: dead.original.expiration,
      user_id: bus.user,
      CC: ['work.cc'],
    })
    expect(calls).to.equal(1)
    await settledQueue()
  })

  it('as a bug is tried three times, then after each waiting queue, then dead-lettered with its count', async () => {
    const seen: string[] = []
    await consume(({ exchange, routingKey, properties }) => {
      seen.push(`${exchange} ${routingKey} ${String(properties.messageId)}`)
      return Promise.reject(new TypeError('x is undefined'))
    })
    await bus.broker.publish('journey.events', 'work.a', {}, { messageId: 'm-1', expiration: '60000', CC: ['work.cc'] })
    const dead = await deadLetter()
    expect(dead).to.deep.include({
      reason: 'attempts_used_up',
      code: 'internal/bug',
      message: 'x is undefined',
      attempts: 4,
    })
    expect(dead.original).to.deep.include({ exchange: 'journey.events', routing_key: 'work.a', CC: ['work.cc'] })
    expect(dead.lastAt.getTime() - dead.firstAt.getTime()).to.be.at.least(50)
    expect(seen).to.deep.equal(Array.from({ length: 4 }, () => 'journey.events work.a m-1'))
    await settledQueue()
  })

  it('as a bug twice and then not is handled once, with nothing left over', async () => {
    let calls = 0
    const { consumer } = await consume(() => (++calls < 3 ? Promise.reject(new Error('a race')) : Promise.resolve()))
    await bus.broker.publish('journey.events', 'work.a', {})
    await eventually('three calls', () => calls === 3)
    await consumer.stop()
    expect([
      await bus.broker.depth('work'),
      await bus.broker.depth('work.retry.50ms'),
      await bus.broker.depth('work.dlq'),
    ]).to.deep.equal([0, 0, 0])
  })

  it('not, but finds that it had come before, is counted as a duplicate', async () => {
    let comes = 0
    const { registry } = await consume((message) => {
      if (++comes === 2) message.fate = 'duplicate'
      return Promise.resolve()
    })
    for (let n = 0; n < 2; n++) await bus.broker.publish('journey.events', 'work.n', {}, { messageId: 'm-1' })
    const counted = (outcome: string) => `journey_bus_messages_consumed_total{queue="work",outcome="${outcome}"} 1`
    await eventually('both counted', async () => (await registry.metrics()).includes(counted('duplicate')))
    expect(await registry.metrics()).to.include(counted('handled'))
  })

  it('as unavailable pauses the consumer; when the server is back every message is handled, with no attempt used', async () => {
    let isBack = false
    const calls: number[] = []
    const handled = new Set<string | undefined>()
    const { breaker } = await consume(({ properties }) => {
      if (!isBack) {
        calls.push(1)
        return Promise.reject(unavailable('database/away', 'away'))
      }
      handled.add(properties.messageId)
      return Promise.resolve()
    })
    for (let n = 0; n < 30; n++) await bus.broker.publish('journey.events', 'work.a', {}, { messageId: `m-${n}` })
    await eventually('tried for a while', () => calls.length > 20)
    expect(breaker.reason).to.have.property('code', 'database/away')
    expect(await bus.broker.depth('work')).to.equal(20) // the prefetch of 10 is all it holds
    isBack = true
    await eventually('all handled', () => handled.size === 30)
    await settledQueue()
    expect([await bus.broker.depth('work.retry.50ms'), await bus.broker.depth('work.dlq')]).to.deep.equal([0, 0])
  })

  it('while the server is away can be left: a stop hands it back to the queue', async () => {
    const { consumer, breaker } = await consume(() => Promise.reject(unavailable('database/away', 'away')))
    await bus.broker.publish('journey.events', 'work.a', {}, { messageId: 'm-1' })
    await eventually('paused', () => breaker.isOpen)
    await consumer.stop()
    expect((await eventually('back', () => bus.broker.take('work'))).properties.messageId).to.equal('m-1')
  })

  it('with headers that fit no frame any more goes to the dead letters as it is', async () => {
    await consume(() => Promise.reject(malformed('command/unreadable', 'Not JSON')))
    await bus.broker.publish('journey.events', 'work.a', {}, { headers: { long: 'x'.repeat(65_400) } })
    const dead = await deadLetter()
    expect(dead).to.deep.include({ reason: 'malformed', code: 'message/rejected', queue: 'work', service: 'broker' })
    expect(dead.properties.headers.long).to.have.length(65_400)
  })

  it('waits, handled once, while its dead letter finds no queue', async () => {
    let calls = 0
    const { breaker } = await consume(() => (calls++, Promise.reject(malformed('command/unreadable', 'Not JSON'))))
    await bus.broker.channel.deleteQueue('work.dlq')
    await bus.broker.publish('journey.events', 'work.a', {}, { messageId: 'm-1' })
    await eventually('paused', () => breaker.isOpen && breaker.reason)
    await bus.connection.declareAgain()
    expect((await deadLetter()).properties.messageId).to.equal('m-1')
    expect(calls).to.equal(1)
  })

  it('is dead-lettered though the connection is cut meanwhile', async () => {
    let calls = 0
    await consume(() => {
      if (++calls === 1) bus.link.cut()
      return Promise.reject(malformed('command/unreadable', 'Not JSON'))
    })
    await bus.broker.publish('journey.events', 'work.a', {}, { messageId: 'm-1' })
    expect((await deadLetter()).properties.messageId).to.equal('m-1')
    await settledQueue()
  })
})
