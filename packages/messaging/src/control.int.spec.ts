import { exchanges } from '@journey/contracts'
import { createRegistry, silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { createBatchConsumer } from './batch-consumer.js'
import { createConsumer } from './consumer.js'
import { createControl, type Standing } from './control.js'
import { createBusMeters } from './meters.js'
import { openBus, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'
import { failure } from './testing/failure.js'

describe('broadcasts on journey.control', () => {
  let bus: Bus
  before(async () => (bus = await openBus(workTopology())))
  after(() => bus.close())

  const say = (body: unknown) => bus.broker.publish(exchanges.control.name, '', body)
  const withControl = async (kind: 'consumer' | 'batch consumer') => {
    const connection = bus.connect()
    await connection.start()
    const got: string[] = []
    let reloads = 0
    const common = { connection, queue: 'work', prefetch: 20, log: silentLog() }
    const consumer =
      kind === 'consumer'
        ? createConsumer({
            ...common,
            handler: ({ properties }) => {
              got.push(properties.messageId!)
              return Promise.resolve()
            },
          })
        : createBatchConsumer({
            ...common,
            maxBatch: 10,
            lingerMs: 1,
            handle: (messages) => {
              got.push(...messages.map(({ properties }) => properties.messageId!))
              return Promise.resolve()
            },
          })
    const control = createControl({
      connection,
      service: 'notifier',
      reload: () => {
        reloads++
        return Promise.resolve()
      },
      meters: createBusMeters(createRegistry('notifier')),
      log: silentLog(),
    })
    await control.start()
    await consumer.start()
    return { connection, control, got, reloads: () => reloads }
  }
  const publish = async (prefix: string, count: number) => {
    for (let n = 0; n < count; n++)
      await bus.broker.publish(exchanges.events.name, 'work.done', {}, { messageId: `${prefix}-${n}` })
  }

  for (const kind of ['consumer', 'batch consumer'] as const)
    it(`pause a ${kind}, whose messages stay in their queue, and resume it`, async () => {
      const { connection, control, got } = await withControl(kind)
      await publish('before', 5)
      await eventually('the first are handled', () => got.length === 5)
      await say({ action: 'pause', services: ['notifier'], actor: 'dana', reason: 'maintenance' })
      const fault = await eventually('the pause', async () =>
        control.check().then(
          () => undefined,
          () => failure(control.check()),
        ),
      )
      expect(fault.code).to.equal('broker/paused')
      expect(fault.message).to.match(/paused by dana at .*\(maintenance\)/)
      await eventually('nobody consumes', async () => (await bus.broker.channel.checkQueue('work')).consumerCount === 0)
      await publish('meanwhile', 3)
      await eventually('they wait', async () => (await bus.broker.depth('work')) === 3)
      bus.link.cut() // a pause outlasts the connection
      await connection.whenUp()
      await say({ action: 'resume', services: ['projector'] }) // not for us
      expect(await bus.broker.depth('work')).to.equal(3)
      await eventually('the resumption', async () => {
        await say({ action: 'resume' })
        return got.length === 8
      })
      await control.check()
      await connection.stop()
    })

  it('written down are obeyed by one that starts later, before it consumes anything, and until they are taken back', async () => {
    const connection = bus.connect()
    await connection.start()
    const got: (string | undefined)[] = []
    let order: Standing | undefined = { id: 1, action: 'pause', actor: 'dana', reason: 'maintenance', at: 'noon' }
    let isAway = true
    const control = createControl({
      connection,
      service: 'notifier',
      standing: () => (isAway ? Promise.reject(unavailable('database/away', 'away')) : Promise.resolve(order)),
      meters: createBusMeters(createRegistry('notifier')),
      log: silentLog(),
    })
    const consumer = createConsumer({
      ...{ connection, queue: 'work', prefetch: 20, log: silentLog() },
      handler: ({ properties }) => {
        got.push(properties.messageId)
        return Promise.resolve()
      },
    })
    await publish('written', 2)
    await control.start()
    await consumer.start()
    expect((await failure(control.check())).message).to.include('until it is known')
    isAway = false
    await eventually('the order is known', async () => (await failure(control.check())).message.includes('by dana'))
    expect([got, await bus.broker.depth('work')]).to.deep.equal([[], 2])
    order = { ...order, id: 2, action: 'resume' }
    bus.link.cut() // whoever was cut off did not hear it
    await eventually('the resumption', () => got.length === 2)
    await control.check()
    await control.stop()
    await connection.stop()
  })

  it('ignore what is no broadcast, and hand on reload', async () => {
    const { connection, control, reloads } = await withControl('consumer')
    for (const body of [Buffer.from('no json'), { action: 'explode' }, { action: 'pause', extra: 1 }]) await say(body)
    await say({ action: 'reload' })
    await eventually('the reload', () => reloads() === 1)
    await control.check()
    await connection.stop()
  })
})
