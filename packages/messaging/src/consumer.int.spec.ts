import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createConsumer, RejectDelivery, type ConsumerOptions } from './consumer.js'
import type { Message } from './message.js'
import { openBus, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'
import { deferred } from './waiting.js'

describe('a consumer', () => {
  let bus: Bus
  beforeEach(async () => (bus = await openBus(workTopology())))
  afterEach(() => bus.close())

  const consume = async (handler: (message: Message) => Promise<void>, options: Partial<ConsumerOptions> = {}) => {
    const consumer = createConsumer({
      connection: bus.connection,
      queue: 'work',
      prefetch: 10,
      handler,
      log: silentLog(),
      ...options,
    })
    await consumer.start()
    return consumer
  }
  const publish = (n: number): Promise<void> =>
    bus.broker.publish('journey.events', 'work.n', { n }, { messageId: `m-${n}` })
  const numberOf = ({ body }: Message): number => (JSON.parse(body.toString()) as { n: number }).n

  it('acknowledges a message when its handler resolves', async () => {
    const seen: number[] = []
    const consumer = await consume((message) => Promise.resolve(void seen.push(numberOf(message))))
    for (let n = 0; n < 50; n++) await publish(n)
    await eventually('50 handled', () => seen.length === 50)
    await consumer.stop()
    expect(seen).to.deep.equal(Array.from({ length: 50 }, (_, n) => n))
    expect(await bus.broker.depth('work')).to.equal(0)
  })

  it('says where a message came from', async () => {
    const arrived = deferred<Message>()
    await consume((message) => {
      arrived.resolve(message)
      return Promise.resolve()
    })
    await bus.broker.publish(
      'journey.events',
      'work.begun',
      {},
      { correlationId: 'c', replyTo: 'r', priority: 3, headers: { a: 1 } },
    )
    const { exchange, routingKey, queue, redelivered, properties } = await arrived.promise
    expect({ exchange, routingKey, queue, redelivered }).to.deep.equal({
      exchange: 'journey.events',
      routingKey: 'work.begun',
      queue: 'work',
      redelivered: false,
    })
    expect(properties).to.deep.equal({
      headers: { a: 1 },
      contentType: 'application/json',
      correlationId: 'c',
      replyTo: 'r',
      priority: 3,
    })
  })

  it('goes on after cuts, handling every message at least once', async () => {
    const seen = new Set<number>()
    await consume(async (message) => {
      await new Promise(setImmediate)
      seen.add(numberOf(message))
    })
    for (let n = 0; n < 300; n++) {
      await publish(n)
      if (n % 100 === 50) bus.link.cut()
    }
    await eventually('300 handled', () => seen.size === 300)
    await eventually('an empty queue', async () => (await bus.broker.depth('work')) === 0)
  })

  it('has its connection closed by the operator and comes back', async () => {
    const seen: number[] = []
    await consume((message) => Promise.resolve(void seen.push(numberOf(message))))
    let downs = 0
    bus.connection.onDown(() => downs++)
    await bus.closeConnections('messaging-spec')
    await eventually('down', () => downs > 0)
    await publish(1)
    await eventually('handled', () => seen.includes(1))
  })

  it('declares its queue again when someone deleted it', async () => {
    const seen: number[] = []
    await consume((message) => Promise.resolve(void seen.push(numberOf(message))))
    await bus.broker.channel.deleteQueue('work')
    await eventually('the consumer on the new queue', async () => {
      await publish(1)
      return seen.length > 0
    })
  })

  it('never handles more at once than its concurrency', async () => {
    let underWay = 0
    let most = 0
    let handled = 0
    await consume(
      async () => {
        most = Math.max(most, ++underWay)
        await new Promise(setImmediate)
        underWay--
        handled++
      },
      { prefetch: 20, concurrency: 3 },
    )
    for (let n = 0; n < 60; n++) await publish(n)
    await eventually('60 handled', () => handled === 60)
    expect(most).to.be.within(2, 3)
  })

  it('calls a handler again that rejects, and gives nothing away', async () => {
    let calls = 0
    await consume(() => (++calls === 1 ? Promise.reject(new Error('once')) : Promise.resolve()))
    await publish(1)
    await eventually('called again', () => calls === 2)
    await eventually('an empty queue', async () => (await bus.broker.depth('work')) === 0)
    expect(await bus.broker.depth('work.dlq')).to.equal(0)
  })

  it('hands a message to the dead-letter exchange when told to', async () => {
    await consume(() => Promise.reject(new RejectDelivery()))
    await publish(1)
    const dead = await eventually('a dead letter', () => bus.broker.take('work.dlq'))
    expect(dead.properties.headers['x-death']).to.be.an('array')
  })

  it('finishes what it has begun before it stops, and leaves the rest in the queue', async () => {
    const gate = deferred()
    const begun: number[] = []
    const done: number[] = []
    const consumer = await consume(
      async (message) => {
        begun.push(numberOf(message))
        await gate.promise
        done.push(numberOf(message))
      },
      { prefetch: 10, concurrency: 2 },
    )
    for (let n = 0; n < 10; n++) await publish(n)
    await eventually('two under way', () => begun.length === 2)
    const stopping = consumer.stop()
    gate.resolve()
    await stopping
    expect([begun, done]).to.deep.equal([
      [0, 1],
      [0, 1],
    ])
    await eventually('the rest in the queue', async () => (await bus.broker.depth('work')) === 8)
  })

  it('stops in time when a handler does not end; its message is delivered again', async () => {
    const begun = deferred()
    const consumer = await consume(() => (begun.resolve(), new Promise(() => undefined)), { drainMs: 50 })
    await publish(1)
    await begun.promise
    await consumer.stop()
    expect((await eventually('back in the queue', () => bus.broker.take('work'))).redelivered).to.equal(true)
  })

  it('may be stopped twice, and while the broker is away', async () => {
    const consumer = await consume(() => Promise.resolve())
    bus.link.sever()
    await eventually('down', () => !bus.connection.isUp)
    await Promise.all([consumer.stop(), consumer.stop()])
    bus.link.mend()
  })
})

describe('a consumer of a priority queue', () => {
  let bus: Bus
  beforeEach(async () => {
    bus = await openBus(workTopology({ arguments: { 'x-queue-type': 'classic', 'x-max-priority': 9 } }))
  })
  afterEach(() => bus.close())

  const publish = (priority: number) =>
    bus.broker.publish('journey.events', 'work.n', priority, { priority, persistent: false })
  const consume = (prefetch: number, handle: (priority: number) => Promise<void>) =>
    createConsumer({
      connection: bus.connection,
      queue: 'work',
      prefetch,
      handler: (message) => handle(Number(message.body.toString())),
      log: silentLog(),
    }).start()

  it('gets the most urgent first', async () => {
    for (const priority of [3, 0, 9, 5, 7, 1, 9, 8, 0, 2, 6, 4]) await publish(priority)
    const seen: number[] = []
    await consume(1, (priority) => Promise.resolve(void seen.push(priority)))
    await eventually('all', () => seen.length === 12)
    expect(seen).to.deep.equal([9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0])
  })

  it('gets an urgent one among the next that it prefetches, whatever the backlog', async () => {
    const prefetch = 10
    await Promise.all(Array.from({ length: 10_000 }, () => publish(0)))
    let begun = 0
    const gate = deferred()
    const urgent = deferred<number>()
    await consume(prefetch, async (priority) => {
      const place = begun++
      if (priority === 9) urgent.resolve(place)
      if (place >= 50) await gate.promise // the backlog stands still while the urgent one is published
    })
    await eventually('its hands are full', () => begun === 50 + prefetch)
    const before = begun
    await publish(9)
    gate.resolve()
    expect((await urgent.promise) - before).to.be.lessThan(prefetch)
  })
})

describe('several consumers of a queue', () => {
  it('get as much as each of them gets done: who is slow holds no more than its prefetch', async () => {
    const bus = await openBus(workTopology())
    try {
      const gate = deferred()
      const seen: Record<'slow' | 'quick', number> = { slow: 0, quick: 0 }
      const consume = (who: keyof typeof seen, until: () => Promise<void>) =>
        createConsumer({
          connection: bus.connection,
          queue: 'work',
          prefetch: 5,
          handler: async () => {
            await until()
            seen[who]++
          },
          log: silentLog(),
        }).start()
      await consume('slow', () => gate.promise)
      await consume('quick', () => Promise.resolve())
      for (let n = 0; n < 100; n++) await bus.broker.publish('journey.events', 'work.n', n, {})
      await eventually('all but what the slow one holds', () => seen.quick === 95)
      gate.resolve()
      await eventually('the rest', () => seen.slow === 5)
    } finally {
      await bus.close()
    }
  })

  it('share its messages, each handled once', async () => {
    const bus = await openBus(workTopology())
    try {
      for (let n = 0; n < 300; n++) await bus.broker.publish('journey.events', 'work.n', n, {})
      const seen: number[][] = [[], [], []]
      await Promise.all(
        seen.map((own) =>
          createConsumer({
            connection: bus.connection,
            queue: 'work',
            prefetch: 10,
            handler: async (message) => {
              own.push(Number(message.body.toString()))
              await new Promise(setImmediate) // as whoever waits for a server
            },
            log: silentLog(),
          }).start(),
        ),
      )
      await eventually('all', () => seen.flat().length === 300)
      expect(new Set(seen.flat()).size).to.equal(300)
      for (const own of seen) expect(own.length).to.be.at.least(60)
    } finally {
      await bus.close()
    }
  })
})
