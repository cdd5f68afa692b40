import { malformed, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { randomUUID } from 'node:crypto'
import { Registry } from 'prom-client'
import { createBreaker } from './breaker.js'
import { createConsumer } from './consumer.js'
import type { DeadLetter } from './dead-letter.js'
import { createDeadLetterDrain } from './drain.js'
import { createBusMeters } from './meters.js'
import { pipeline } from './pipeline.js'
import { createPublisher } from './publisher.js'
import { closeRetried, retryMark, type Retried } from './retried.js'
import { settle } from './settle.js'
import { openBus, quickSteps, workTopology, type Bus } from './testing/bus.js'
import { eventually } from './testing/eventually.js'

describe('a drain of dead letters', () => {
  let bus: Bus
  beforeEach(async () => (bus = await openBus(workTopology())))
  afterEach(() => bus.close())

  const start = async (keep: (letter: DeadLetter) => Promise<void>) => {
    const registry = new Registry()
    const drain = createDeadLetterDrain({
      connection: bus.connection,
      prefetch: 10,
      keep,
      now: () => new Date(),
      meters: createBusMeters(registry),
      log: silentLog(),
    })
    await drain('work').start()
    return registry
  }
  /** Handles `work`: `broken` says which messages it cannot read. */
  const handle = async (isBroken: () => boolean) => {
    const closed: Retried[] = []
    await createConsumer({
      connection: bus.connection,
      queue: 'work',
      prefetch: 10,
      log: silentLog(),
      handler: pipeline(
        closeRetried((retried) => Promise.resolve(void closed.push(retried))),
        settle({
          publisher: createPublisher({ connection: bus.connection }),
          breaker: createBreaker({ name: 'work', log: silentLog() }),
          service: 'spec',
          steps: quickSteps,
        }),
        () => (isBroken() ? Promise.reject(malformed('command/unreadable', 'Not JSON')) : Promise.resolve()),
      ),
    }).start()
    return closed
  }

  it('keeps each letter before it leaves the queue, however often that fails at first', async () => {
    const kept: DeadLetter[] = []
    let failures = 0
    const registry = await start((letter) =>
      failures++ < 1 ? Promise.reject(new Error('no room')) : Promise.resolve(void kept.push(letter)),
    )
    await bus.broker.publish(
      'journey.dlx',
      'dlx.work',
      {},
      { messageId: 'm-1', headers: { 'x-dead-queue': 'another' } },
    )
    await eventually('kept', () => kept.length === 1)
    expect(kept[0]).to.deep.include({ queue: 'work', reason: 'malformed', code: 'message/unknown_death' })
    await eventually('counted', async () =>
      (await registry.metrics()).includes('journey_dead_letters_total{queue="work",reason="malformed"} 1'),
    )
    expect(await registry.metrics()).to.include('journey_dead_letters_total{queue="work",reason="expired"} 0')
    await eventually('acknowledged', async () => (await bus.broker.depth('work.dlq')) === 0)
  })

  it('knows a retried letter that died again by its mark, which is no part of the message', async () => {
    const kept: DeadLetter[] = []
    const mark = { id: randomUUID(), retry: 3 }
    await start((letter) => Promise.resolve(void kept.push(letter)))
    const closed = await handle(() => true)
    await bus.broker.publish('', 'work', {}, { headers: { own: 'one', ...retryMark(mark) } })
    await eventually('kept', () => kept.length === 1)
    expect(kept[0]?.retried).to.deep.equal(mark)
    expect(kept[0]?.properties.headers).to.deep.equal({ own: 'one' })
    expect(closed).to.deep.equal([])
  })

  it('hears nothing of a retried letter that is handled; whoever closes it does', async () => {
    const mark = { id: randomUUID(), retry: 1 }
    const closed = await handle(() => false)
    await bus.broker.publish('', 'work', {}, {})
    await bus.broker.publish('', 'work', {}, { headers: retryMark(mark) })
    await eventually('closed', () => closed.length === 1)
    expect(closed).to.deep.equal([mark])
  })
})
