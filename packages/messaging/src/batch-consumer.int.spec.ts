import { bucketKey, bucketOf, ownedBy, projectorQueue, projectorQueues, topologyFor } from '@journey/contracts'
import { silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { createBatchConsumer, type BatchConsumerOptions } from './batch-consumer.js'
import type { Message } from './message.js'
import { openBus, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'
import { createCuttableLink, type CuttableLink } from './testing/link.js'
import { deferred } from './waiting.js'

const singleActive = {
  arguments: { 'x-queue-type': 'quorum', 'x-single-active-consumer': true, 'x-delivery-limit': 1_000_000_000 },
} as const

const numbers = (messages: readonly Message[]): number[] => messages.map(({ body }) => Number(body.toString()))
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

describe('a batch consumer', () => {
  let bus: Bus
  beforeEach(async () => (bus = await openBus(workTopology(singleActive))))
  afterEach(() => bus.close())

  const consume = async (
    handle: BatchConsumerOptions['handle'],
    options: Partial<BatchConsumerOptions> = {},
  ): Promise<ReturnType<typeof createBatchConsumer>> => {
    const consumer = createBatchConsumer({
      connection: bus.connection,
      queue: 'work',
      prefetch: 40,
      maxBatch: 20,
      lingerMs: 20,
      handle,
      log: silentLog(),
      firstDelayMs: 5,
      ...options,
    })
    await consumer.start()
    return consumer
  }
  const publish = (n: number): Promise<void> => bus.broker.publish('journey.events', 'work.n', n)

  it('hands over what is there in batches, in order and one at a time', async () => {
    for (const n of upTo(100)) await publish(n)
    const batches: number[][] = []
    let isAtWork = false
    const consumer = await consume(async (messages) => {
      expect(isAtWork).to.equal(false)
      isAtWork = true
      await new Promise((resolve) => setTimeout(resolve, 5))
      isAtWork = false
      batches.push(numbers(messages))
    })
    await eventually('all', () => batches.flat().length === 100)
    expect(batches.flat()).to.deep.equal(upTo(100))
    expect(Math.max(...batches.map((batch) => batch.length))).to.be.within(2, 20)
    await consumer.stop()
    expect(await bus.broker.depth('work')).to.equal(0)
  })

  it('lets a lone message wait for company no longer than the linger time', async () => {
    const batches: number[][] = []
    await consume((messages) => Promise.resolve(void batches.push(numbers(messages))))
    await publish(7)
    await eventually('it', () => batches.length === 1)
    expect(batches).to.deep.equal([[7]])
  })

  it('acknowledges nothing before the batch is handled, and all of it after', async () => {
    const gate = deferred()
    const begun = deferred()
    const consumer = await consume(() => (begun.resolve(), gate.promise), { drainMs: 0 })
    for (const n of upTo(5)) await publish(n)
    await begun.promise
    await consumer.stop()
    await eventually('all of it back in the queue', async () => (await bus.broker.depth('work')) === 5)
    gate.resolve()
  })

  it('tries the same batch again while a server is away, and hands nothing back', async () => {
    const calls: number[][] = []
    let asked = 0
    await consume(
      (messages) => {
        calls.push(numbers(messages))
        return calls.length < 4 ? Promise.reject(unavailable('test/away', 'away')) : Promise.resolve()
      },
      {
        maxBatch: 2,
        until: () => {
          asked++
          return Promise.resolve()
        },
      },
    )
    await Promise.all([publish(0), publish(1)])
    await eventually('the fourth call', () => calls.length === 4)
    expect(calls).to.deep.equal([calls[0], calls[0], calls[0], calls[0]])
    expect(asked).to.equal(3)
    await publish(2)
    await eventually('the next', () => calls.length === 5)
    expect(calls[4]).to.deep.equal([2])
  })

  it('never handles two batches at once, and keeps the order of first handling across cuts', async () => {
    const firsts: number[] = []
    let underWay = 0
    let most = 0
    await consume(async (messages) => {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setTimeout(resolve, 2))
      for (const n of numbers(messages)) if (!firsts.includes(n)) firsts.push(n)
      underWay--
    })
    for (const n of upTo(400)) {
      await publish(n)
      if (n % 100 === 50) bus.link.cut()
    }
    await eventually('all', () => firsts.length === 400)
    expect(firsts).to.deep.equal(upTo(400))
    expect(most).to.equal(1)
    await eventually('an empty queue', async () => (await bus.broker.depth('work')) === 0)
  })

  it('hands over to the next consumer in order when it stops', async () => {
    const handled: number[] = []
    const handle = async (messages: readonly Message[]): Promise<void> => {
      await new Promise(setImmediate)
      handled.push(...numbers(messages))
    }
    const first = await consume(handle)
    const other = bus.connect()
    await other.start()
    await consume(handle, { connection: other })
    const publishing = (async () => {
      for (const n of upTo(300)) await publish(n)
    })()
    await eventually('some', () => handled.length > 50)
    await first.stop()
    await publishing
    await eventually('all', () => handled.length >= 300)
    expect(handled).to.deep.equal(upTo(300))
  })
})

describe('three instances that consume the queues of the buckets', () => {
  it('handle the events of each client in order, each, though one after the other dies', async () => {
    const bus = await openBus(ownedBy('projector', topologyFor({ version: '3.10.8' })))
    const links: CuttableLink[] = []
    try {
      const clients = Array.from({ length: 200 }, (_, n) => `journey-client-${n}`)
      const firsts = new Map<string, number[]>(clients.map((client) => [client, []]))
      let handled = 0
      const handle = async (messages: readonly Message[]): Promise<void> => {
        for (const { body } of messages) {
          const [client, n] = JSON.parse(body.toString()) as [string, number]
          const own = firsts.get(client)!
          if (own.includes(n)) continue // a gate drops it
          own.push(n)
          handled++
        }
        await new Promise(setImmediate)
      }
      for (const _ of upTo(3)) {
        const link = await createCuttableLink(bus.link.url)
        links.push(link)
        const connection = bus.connect({ url: link.url })
        await connection.start()
        for (const n of upTo(projectorQueues))
          await createBatchConsumer({
            ...{ connection, queue: projectorQueue(n), handle, log: silentLog() },
            ...{ prefetch: 100, maxBatch: 50, lingerMs: 5, firstDelayMs: 5 },
          }).start()
      }
      const publishing = (async () => {
        for (const n of upTo(50))
          await Promise.all(
            clients.map((client) => bus.broker.publish('journey.events', bucketKey(bucketOf(client)), [client, n])),
          )
      })()
      for (const [dead, link] of links.slice(0, 2).entries()) {
        await eventually('it has done its share', () => handled > 2_000 * (dead + 1))
        link.sever()
      }
      await publishing
      await eventually('all', () => handled === 10_000, 30_000)
      for (const [client, own] of firsts) expect(own, client).to.deep.equal(upTo(50))
    } finally {
      for (const link of links) link.mend() // so that their connections can be left
      await bus.close()
      for (const link of links) await link.close()
    }
  })
})
