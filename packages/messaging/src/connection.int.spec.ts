import { ownedBy, queuesOfAgent, queuesOfIntent, topologyFor, type Queue, type Topology } from '@journey/contracts'
import { expect } from 'chai'
import { openBus, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'
import { failure } from './testing/failure.js'

describe('a broker connection', () => {
  let bus: Bus
  before(async () => (bus = await openBus()))
  after(() => bus.close())

  it('declares the whole table, twice without a word', async () => {
    const table = topologyFor({ version: '3.10.8', clustered: false })
    const whole: Topology = {
      ...table,
      queues: [...table.queues, ...queuesOfIntent('deploy'), ...queuesOfAgent('a-1')],
    }
    await bus.connection.declare(whole)
    await bus.connection.declareAgain()
    expect(await bus.broker.depth('projector.events.0')).to.equal(0)
    expect(await bus.broker.depth('command-handler.commands.retry.10m')).to.equal(0)
  })

  it('names the queue and the difference when something else stands there', async () => {
    const own = ownedBy('notifier', topologyFor({ version: '3.10.8', clustered: false }))
    await bus.connection.declare(own)
    const drifted: Topology = {
      exchanges: [],
      queues: own.queues.map((queue) =>
        queue.name === 'notifier.events' ? { ...queue, arguments: { ...queue.arguments, 'x-message-ttl': 1 } } : queue,
      ),
    }
    const connection = bus.connect({ topology: () => drifted })
    const starting = connection.start()
    const fault = await eventually('the drift', async () => {
      const why = await failure(connection.check())
      return why.code === 'broker/topology_drift' && why
    })
    expect(fault.message).to.match(/queue notifier\.events .*x-message-ttl is 86400000, should be 1\./)
    expect(fault.message).to.include('npm run topology -- apply')
    await bus.broker.channel.deleteQueue('notifier.events')
    await starting // goes on by itself once the broker is as it should be
    await connection.check()
  })

  it('says which type a queue has and should have', async () => {
    await bus.broker.channel.assertQueue('plain', { durable: true })
    const queue: Queue = { name: 'plain', owner: 'notifier', bindings: [], arguments: { 'x-queue-type': 'quorum' } }
    const fault = await failure(bus.connection.declare({ exchanges: [], queues: [queue] }))
    expect(fault.message).to.match(/queue plain .*x-queue-type is (classic|not set), should be quorum\./)
  })

  it('asks anew what to declare at each connect, while nobody may change it', async () => {
    const seen: string[] = []
    const connection = bus.connect({
      topology: () => Promise.resolve(workTopology({ name: `work.${seen.push('asked')}` })),
      whileDeclaring: async (declare) => {
        seen.push('held')
        await declare()
        seen.push('let go')
      },
    })
    await connection.start()
    await connection.declareAgain()
    expect(seen).to.deep.equal(['held', 'asked', 'let go', 'held', 'asked', 'let go'])
    expect(await bus.broker.depth('work.5')).to.equal(0)
  })

  it('takes the next of several addresses when one does not answer', async () => {
    const nobody = new URL(bus.link.url)
    nobody.port = '9'
    const connection = bus.connect({ url: `${nobody.href},${bus.link.url}` })
    await connection.start()
    await connection.check()
  })

  it('fails to start with a wrong password, and without a virtual host', async () => {
    const stranger = new URL(bus.link.url)
    stranger.password = 'wrong'
    expect((await failure(bus.connect({ url: stranger.href }).start())).code).to.equal('broker/access_refused')
    const nowhere = new URL(bus.link.url)
    nowhere.pathname = '/no-such-vhost'
    expect((await failure(bus.connect({ url: nowhere.href }).start())).code).to.equal('broker/access_refused')
  })

  it('never shows the address, which may hold a password', () => {
    expect(() => bus.connect({ url: 'amqp//user:hunter2@host' }))
      .to.throw(/^(?!.*hunter2)/s)
      .with.property('code', 'broker/url_invalid')
  })

  it('says while the broker is away that it is, and waits for it at the start', async () => {
    bus.link.sever()
    const connection = bus.connect()
    const starting = connection.start()
    expect((await failure(connection.check())).code).to.equal('broker/away')
    bus.link.mend()
    await starting
    await connection.check()
  })

  it('comes back after a cut, with the topology declared before anyone hears of it', async () => {
    const connection = bus.connect({ topology: () => workTopology() })
    await connection.start()
    await bus.broker.channel.deleteQueue('work')
    const seen: string[] = []
    connection.onDown((fault) => seen.push(`down: ${fault.code}`))
    connection.onUp(() => seen.push('up'))
    bus.link.cut()
    await eventually('up again', () => seen.includes('up'))
    expect(seen).to.deep.equal(['down: broker/away', 'up'])
    expect(await bus.broker.depth('work')).to.equal(0)
  })

  it('may be stopped twice, before it was started, and while it waits for the broker', async () => {
    await bus.connect().stop()
    bus.link.sever()
    const connection = bus.connect()
    const starting = failure(connection.start())
    await Promise.all([connection.stop(), connection.stop()])
    expect((await starting).code).to.equal('broker/stopped')
    bus.link.mend()
  })
})
