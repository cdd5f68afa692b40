import { Fault } from '@journey/runtime'
import { expect } from 'chai'
import { createOrderedPublisher, type Publication } from './ordered-publisher.js'
import { openBus, workTopology, type Bus } from './testing/bus.js'
import { failure } from './testing/failure.js'

const numbered = (n: number, key = 'work.n'): Publication => ({
  exchange: 'journey.events',
  key,
  body: Buffer.from(String(n)),
  properties: { messageId: `m-${n}`, headers: { CC: ['bucket.07'] } },
})

describe('an ordered publisher', () => {
  let bus: Bus
  beforeEach(async () => (bus = await openBus(workTopology())))
  afterEach(() => bus.close())

  const numbersIn = async (queue: string): Promise<number[]> => {
    const numbers: number[] = []
    for (let message = await bus.broker.take(queue); message; message = await bus.broker.take(queue))
      numbers.push(Number(message.body.toString()))
    return numbers
  }

  it('publishes in order and tells each growth of the confirmed prefix', async () => {
    const told: number[] = []
    const run = await createOrderedPublisher<number>({
      connection: bus.connection,
      window: 20,
      confirmed: (n) => told.push(n),
    })
    for (let n = 0; n < 1_000; n++) await run.publish(n, numbered(n))
    await run.flush()
    expect(told.at(-1)).to.equal(999)
    expect(told).to.deep.equal([...told].sort((a, b) => a - b))
    expect(await numbersIn('work')).to.deep.equal(Array.from({ length: 1_000 }, (_, n) => n))
    await run.close()
  })

  it('never has more unconfirmed than its window', async () => {
    let most = 0
    let last = -1
    const run = await createOrderedPublisher<number>({
      connection: bus.connection,
      window: 10,
      confirmed: (n) => (last = n),
    })
    for (let n = 0; n < 500; n++) {
      await run.publish(n, numbered(n))
      most = Math.max(most, n - last)
    }
    await run.flush()
    expect(most).to.equal(10)
  })

  it('fails as a whole with one fault when a message reaches no queue, and says how far it came', async () => {
    let last = -1
    const run = await createOrderedPublisher<number>({
      connection: bus.connection,
      window: 5,
      confirmed: (n) => (last = n),
    })
    const publishing = async (): Promise<void> => {
      for (let n = 0; n < 1_000; n++) await run.publish(n, numbered(n, n === 20 ? 'lost.n' : 'work.n'))
    }
    const fault = await failure(publishing())
    expect(fault.code).to.equal('broker/unroutable')
    expect(last).to.be.below(20)
    expect(run.failed.reason).to.equal(fault)
    expect(await failure(run.flush())).to.equal(fault)
    expect((await numbersIn('work')).length).to.be.below(30)
  })

  it('a cut fails the run; a new one from the confirmed prefix on leaves no gap', async () => {
    let last = -1
    let cuts = 3
    while (last < 2_999) {
      await bus.connection.whenUp()
      try {
        const run = await createOrderedPublisher<number>({
          connection: bus.connection,
          window: 100,
          confirmed: (n) => (last = n),
        })
        for (let n = last + 1; n < 3_000; n++) {
          await run.publish(n, numbered(n))
          if (n % 800 === 799 && cuts-- > 0) bus.link.cut()
        }
        await run.flush()
      } catch (error) {
        expect(error).to.be.instanceOf(Fault)
      }
    }
    const numbers = await numbersIn('work')
    const firsts = numbers.filter((n, at) => numbers.indexOf(n) === at)
    expect(firsts).to.deep.equal(Array.from({ length: 3_000 }, (_, n) => n))
  })

  it('tells of a failure while nobody publishes', async () => {
    const run = await createOrderedPublisher<number>({ connection: bus.connection, confirmed: () => undefined })
    const failed = new Promise((resolve) => run.failed.addEventListener('abort', resolve))
    bus.link.cut()
    await failed
    expect(run.failed.reason).to.have.property('code', 'broker/away')
  })
})
