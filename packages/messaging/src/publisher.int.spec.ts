import { expect } from 'chai'
import { Registry } from 'prom-client'
import type { Connection } from './connection.js'
import { createBusMeters } from './meters.js'
import { createPublisher } from './publisher.js'
import { openBus, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'
import { failure } from './testing/failure.js'

const body = Buffer.from('{"n":1}')

describe('a publisher', () => {
  let bus: Bus
  beforeEach(async () => (bus = await openBus(workTopology())))
  afterEach(() => bus.close())

  it('resolves when the message is in its queue, persistent and JSON by default', async () => {
    const publisher = createPublisher({ connection: bus.connection })
    await publisher.publish('journey.events', 'work.begun', body, {
      messageId: 'm-1',
      headers: { stream: 's', none: undefined },
    })
    const delivery = await bus.broker.channel.get('work', { noAck: true })
    expect(delivery && delivery.properties).to.include({
      messageId: 'm-1',
      contentType: 'application/json',
      deliveryMode: 2,
    })
    expect(delivery && delivery.properties.headers)
      .to.include({ stream: 's' })
      .and.not.have.property('none')
  })

  it('gives a message without an id one of its own', async () => {
    await createPublisher({ connection: bus.connection }).publish('journey.events', 'work.begun', body)
    expect((await bus.broker.take('work'))?.properties.messageId).to.match(/^[0-9a-f-]{36}$/)
  })

  it('says which of many messages reached no queue', async () => {
    const publisher = createPublisher({ connection: bus.connection })
    const keys = ['work.a', 'lost.a', 'work.b', 'lost.a', 'lost.b']
    const outcomes = await Promise.all(
      keys.map((key) =>
        publisher.publish('journey.events', key, body).then(
          () => 'there',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    )
    expect(outcomes).to.deep.equal(['there', 'broker/unroutable', 'there', 'broker/unroutable', 'broker/unroutable'])
    await publisher.publish('journey.events', 'lost.a', body, {}, { mandatory: false })
  })

  it('takes many thousand messages at once, and all arrive', async () => {
    const publisher = createPublisher({ connection: bus.connection, window: 50 })
    const large = Buffer.alloc(5_000, 'x')
    await Promise.all(
      Array.from({ length: 3_000 }, (_, n) =>
        publisher.publish('journey.events', 'work.n', large, { messageId: String(n) }),
      ),
    )
    expect(await bus.broker.depth('work')).to.equal(3_000)
  })

  it('rejects at once while the broker is away, and works again after', async () => {
    const publisher = createPublisher({ connection: bus.connection })
    bus.link.sever()
    await eventually('down', () => !bus.connection.isUp)
    expect((await failure(publisher.publish('journey.events', 'work.a', body))).code).to.equal('broker/away')
    bus.link.mend()
    await bus.connection.whenUp()
    await publisher.publish('journey.events', 'work.a', body)
  })

  it('calls what a cut left unconfirmed unknown; published again, every id arrives', async () => {
    const publisher = createPublisher({ connection: bus.connection })
    const publish = async (messageId: string): Promise<void> => {
      for (;;) {
        try {
          await publisher.publish('journey.events', 'work.a', body, { messageId })
          return
        } catch (error) {
          expect((error as { code: string }).code).to.be.oneOf(['broker/not_confirmed', 'broker/away'])
          await bus.connection.whenUp()
        }
      }
    }
    const publishing = Array.from({ length: 2_000 }, (_, n) => publish(`m-${n}`))
    await Promise.race(publishing)
    bus.link.cut()
    await Promise.all(publishing)
    const ids = new Set<string | undefined>()
    for (let message = await bus.broker.take('work'); message; message = await bus.broker.take('work'))
      ids.add(message.properties.messageId)
    expect(ids.size).to.equal(2_000)
  })

  it('sends no more than its window while the broker is silent, and tells what was not sent from what is unknown', async () => {
    const publisher = createPublisher({ connection: bus.connection, window: 3, timeoutMs: 100 })
    await publisher.publish('journey.events', 'work.a', body)
    bus.link.stall()
    const faults = await Promise.all(
      Array.from({ length: 5 }, () => failure(publisher.publish('journey.events', 'work.a', body))),
    )
    expect(faults.map(({ code }) => code)).to.deep.equal([
      ...Array.from({ length: 3 }, () => 'broker/not_confirmed'),
      ...Array.from({ length: 2 }, () => 'broker/blocked'),
    ])
    bus.link.flow()
    await createPublisher({ connection: bus.connection }).publish('journey.events', 'work.a', body)
    await eventually('the same publisher to work again', () =>
      publisher.publish('journey.events', 'work.a', body).then(
        () => true,
        () => false,
      ),
    )
  })

  it('opens its channel anew after a refusal', async () => {
    const full = workTopology({
      arguments: { 'x-queue-type': 'classic', 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    })
    await bus.broker.channel.deleteQueue('work')
    await bus.connection.declare(full)
    let opened = 0
    const counting = Object.create(bus.connection, {
      confirmChannel: { value: () => (opened++, bus.connection.confirmChannel()) },
    }) as Connection
    const publisher = createPublisher({ connection: counting })
    await publisher.publish('journey.events', 'work.a', body)
    const refused = await failure(publisher.publish('journey.events', 'work.a', body))
    expect([refused.family, refused.code]).to.deep.equal(['unavailable', 'broker/not_confirmed'])
    await bus.broker.channel.purgeQueue('work')
    await publisher.publish('journey.events', 'work.a', body)
    expect(opened).to.equal(2)
  })

  it('refuses what can never be published, and goes on', async () => {
    const publisher = createPublisher({ connection: bus.connection })
    const huge = publisher.publish('journey.events', 'work.a', body, { headers: { long: 'x'.repeat(70_000) } })
    expect((await failure(huge)).code).to.equal('message/headers_too_large')
    const heavy = publisher.publish('journey.events', 'work.a', Buffer.alloc(17 * 1024 * 1024))
    expect((await failure(heavy)).code).to.equal('message/too_large')
    await publisher.publish('journey.events', 'work.a', body)
  })

  it('settles what is under way before it stops, and takes nothing after', async () => {
    const publisher = createPublisher({ connection: bus.connection })
    const publishing = Promise.all(
      Array.from({ length: 200 }, () => publisher.publish('journey.events', 'work.a', body)),
    )
    await publisher.stop()
    await publishing
    expect((await failure(publisher.publish('journey.events', 'work.a', body))).code).to.equal('broker/stopped')
  })

  it('counts by exchange and outcome', async () => {
    const registry = new Registry()
    const publisher = createPublisher({ connection: bus.connection, meters: createBusMeters(registry) })
    await publisher.publish('journey.events', 'work.a', body)
    await failure(publisher.publish('journey.events', 'lost.a', body))
    const text = await registry.metrics()
    expect(text).to.contain('journey_bus_messages_published_total{exchange="journey.events",outcome="confirmed"} 1')
    expect(text).to.contain('journey_bus_messages_published_total{exchange="journey.events",outcome="unroutable"} 1')
  })
})
