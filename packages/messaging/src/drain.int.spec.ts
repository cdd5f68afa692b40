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

  /** How the broker itself comes to give a message of `work` up; how often somebody had it in hand; and what it is called. */
  const deaths: Record<string, { give: (bus: Bus) => Promise<unknown>; told: object }> = {
    expired: {
      give: (bus) => bus.broker.publish('journey.events', 'work.a', { n: 1 }, { messageId: 'm-1', expiration: '1' }),
      told: { reason: 'expired', code: 'message/expired', attempts: 0 },
    },
    rejected: {
      give: async (bus) => {
        await bus.broker.publish('journey.events', 'work.a', { n: 1 }, { messageId: 'm-1' })
        const { channel } = bus.broker
        channel.nack(await eventually('it', () => channel.get('work')), false, false)
      },
      told: { reason: 'malformed', code: 'message/rejected', attempts: 1 },
    },
    delivery_limit: {
      give: async (bus) => {
        await bus.broker.publish('journey.events', 'work.a', { n: 1 }, { messageId: 'm-1' })
        const { channel } = bus.broker
        for (let n = 0; n < 3; n++) channel.nack(await eventually('it', () => channel.get('work')), false, true)
      },
      told: { reason: 'poison', code: 'message/poison', attempts: 1 }, // at least: 3.10 does not say how often
    },
    maxlen: {
      give: async (bus) => {
        await bus.broker.publish('journey.events', 'work.a', { n: 1 }, { messageId: 'm-1' })
        for (let n = 2; n < 4; n++) await bus.broker.publish('journey.events', 'work.b', { n }, { messageId: `m-${n}` })
      },
      told: { reason: 'attempts_used_up', code: 'message/queue_full', attempts: 0 },
    },
    'rejected, after a waiting queue': {
      give: async (bus) => {
        const original = { exchange: 'journey.events', routing_key: 'work.a' }
        const headers = {
          'x-retry-original': JSON.stringify(original),
          'x-attempts': 3,
          'x-first-failed-at': '2026-01-27T10:00:00.000Z',
        }
        await bus.broker.publish('journey.retry', 'work.retry.50ms', { n: 1 }, { messageId: 'm-1', headers })
        const { channel } = bus.broker
        channel.nack(await eventually('it', () => channel.get('work')), false, false)
      },
      told: {
        reason: 'malformed',
        code: 'message/rejected',
        attempts: 4,
        firstAt: new Date('2026-01-27T10:00:00.000Z'),
      },
    },
  }
  for (const [how, { give, told }] of Object.entries(deaths))
    it(`tells of what the broker gave up (${how}) what its x-death says`, async () => {
      const deadly = await openBus(
        workTopology({
          arguments: {
            ...workTopology().queues.find(({ name }) => name === 'work')!.arguments,
            'x-delivery-limit': 2,
            ...(how === 'maxlen' && { 'x-max-length': 2 }),
          },
        }),
      )
      const before = Math.floor(Date.now() / 1_000) * 1_000
      try {
        const kept: DeadLetter[] = []
        const drain = createDeadLetterDrain({
          connection: deadly.connection,
          keep: (letter) => Promise.resolve(void kept.push(letter)),
          now: () => new Date(0),
          meters: createBusMeters(new Registry()),
          log: silentLog(),
        })
        await drain('work').start()
        await give(deadly)
        const letter = await eventually('the letter', () => kept[0])
        const { original, lastAt, firstAt } = letter
        const [death] = original['x-death'] as { time: { value: number }; queue: string }[]
        expect(letter).to.deep.include({ queue: 'work', service: 'broker', deathId: 'm-1', ...told })
        expect(original).to.include({ exchange: 'journey.events', routing_key: 'work.a' })
        expect([death?.queue, lastAt.getTime()]).to.deep.equal(['work', death!.time.value * 1_000])
        expect(lastAt.getTime()).to.be.at.least(before)
        expect(firstAt.getTime()).to.be.at.most(lastAt.getTime())
        expect(JSON.parse(letter.body.toString())).to.deep.equal({ n: 1 })
      } finally {
        await deadly.close()
      }
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
