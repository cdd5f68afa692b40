import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createListener } from './listener.js'
import { openBus, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'

describe('a listener', () => {
  let bus: Bus
  beforeEach(async () => (bus = await openBus(workTopology())))
  afterEach(() => bus.close())

  const listen = async (exchange: string, key: string) => {
    const heard: string[] = []
    const listener = createListener({
      connection: bus.connection,
      bindings: [{ exchange, key }],
      handler: ({ body }) => Promise.resolve(void heard.push(body.toString())),
      log: silentLog(),
    })
    await listener.start()
    return { heard, listener }
  }

  it('hears broadcasts, each listener for itself', async () => {
    const [one, two] = [await listen('journey.control', ''), await listen('journey.control', '')]
    await bus.broker.publish('journey.control', '', 'pause')
    await eventually('both', () => one.heard.length + two.heard.length === 2)
    expect([one.heard, two.heard]).to.deep.equal([['"pause"'], ['"pause"']])
  })

  it('has an address for answers, another one after a reconnect', async () => {
    const { heard, listener } = await listen('journey.control', '')
    const before = listener.address()!
    await bus.broker.publish('', before, 1)
    await eventually('an answer', () => heard.length === 1)
    bus.link.cut()
    const after = await eventually('a new address', () => {
      const address = listener.address()
      return address !== before && address
    })
    await eventually('the new queue', async () => {
      await bus.broker.publish('', after, 2)
      return heard.includes('2')
    })
  })

  it('leaves no queue behind', async () => {
    const { listener } = await listen('journey.control', '')
    const address = listener.address()!
    await listener.stop()
    expect(listener.address()).to.equal(undefined)
    const gone = await bus.broker.channel
      .checkQueue(address)
      .catch((error: unknown) => (error as { code: number }).code)
    expect(gone).to.equal(404)
  })
})
