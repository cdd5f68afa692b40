import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createManagement } from '@journey/messaging'
import { eventually } from '@journey/messaging/testing'
import { json, keepDeadLetter, moveReplay, reportFigures, requestReplay } from '@journey/read-model'
import { letterOf } from '@journey/read-model/testing'
import { createFigures, createRegistry, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { Counter, Gauge } from 'prom-client'
import { createChronicle, healthy, start } from '../testing/chronicle.js'
import { withHouse, type House } from '../testing/house.js'
import { createReadQueues } from './queues.js'
import { createStats, type Stats } from './stats.js'

const statsOf = async ({ app }: House): Promise<Stats> => {
  const answer = await app.inject('/api/v1/stats')
  expect(answer.statusCode, answer.body).to.equal(200)
  return answer.json<Stats>()
}

/** Asks until the stats are as wanted; what services and the broker tell is some seconds old. */
const statsWith = (house: House, what: string, isSo: (stats: Stats) => boolean): Promise<Stats> =>
  eventually(
    what,
    async () => {
      const stats = await statsOf(house)
      return isSo(stats) && stats
    },
    30_000,
  )

const known = <T extends { status: string }>(part: T) => {
  expect(part.status, JSON.stringify(part)).to.equal('known')
  return part as Extract<T, { status: 'known' }>
}

const lagOf = ({ lags }: Stats, queue: string) => lags.find((lag) => lag.queue === queue)

/** A service that says of itself what the spec sets. */
const withService = async ({ db }: House, use: (set: ReturnType<typeof gauges>) => Promise<void>): Promise<void> => {
  const registry = createRegistry('projector')
  const set = gauges(registry)
  const reporting = reportFigures({ db, service: 'projector', read: createFigures(registry), log: silentLog() })
  await reporting.start()
  try {
    await use(set)
  } finally {
    await reporting.stop()
  }
}

const gauges = (registry: ReturnType<typeof createRegistry>) => {
  const gauge = (name: string, label: string) =>
    new Gauge({ name, help: name, labelNames: [label], registers: [registry] })
  return {
    lag: gauge('journey_bus_lag_seconds', 'queue'),
    inHand: gauge('journey_bus_in_hand_count', 'queue'),
    paused: gauge('journey_bus_breaker_open', 'queue'),
    events: new Counter({
      name: 'journey_projection_events_total',
      help: 'events',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    consumed: new Counter({
      name: 'journey_bus_messages_consumed_total',
      help: 'consumed',
      labelNames: ['queue', 'outcome'],
      registers: [registry],
    }),
  }
}

describe('the stats', () => {
  it('tell the depth and consumers of each queue, and what waits for another try', () =>
    withHouse(async (house) => {
      const { broker } = house
      const { channel } = broker
      await channel.assertQueue('projector.events.0')
      for (const queue of ['saga-processor.events.retry.5s', 'knowledge.events', 'agent.somebody'])
        await channel.assertQueue(queue)
      await broker.publish('', 'knowledge.events', {})
      for (let n = 0; n < 7; n++) await broker.publish('', 'projector.events.0', { n })
      for (let n = 0; n < 3; n++) await broker.publish('', 'saga-processor.events.retry.5s', { n })
      const stats = await statsWith(house, 'the depths', ({ queues, retries, lags }) => {
        const items = queues.status === 'known' ? queues.items : []
        const isDeep = items.some(({ queue, ready }) => queue === 'projector.events.0' && ready === 7)
        const isAsked = lags.filter(({ reason }) => reason === 'nobody consumes this queue').length === 2
        return isDeep && isAsked && retries.status === 'known' && retries.items[0]?.waiting === 3
      })
      expect(known(stats.retries).items).to.deep.equal([{ queue: 'saga-processor.events', delay: '5s', waiting: 3 }])
      expect(lagOf(stats, 'projector.events.0')).to.deep.equal({
        ...{ consumer: 'projector', queue: 'projector.events.0', events: 7, at_least: false, seconds: null },
        ...{ consumers: 0, reason: 'nobody consumes this queue' },
      })
      expect(lagOf(stats, 'knowledge.events')).to.include({ consumer: 'command-handler', events: 1 })
      expect(stats.lags.map(({ queue }) => queue)).not.to.include.oneOf([
        'saga-processor.events.retry.5s',
        'agent.somebody',
      ])
    }))

  it('tell what services say of themselves: lag, breakers, rates, gaps healed, duplicates; and which fall silent', () =>
    withHouse((house) =>
      withService(house, async ({ lag, inHand, paused, events, consumed }) => {
        const queue = 'projector.events.1'
        lag.set({ queue }, 12.3456)
        inHand.set({ queue }, 20)
        paused.set({ queue }, 1)
        events.inc({ outcome: 'healed' }, 4)
        events.inc({ outcome: 'duplicate' }, 9)
        const growing = setInterval(() => consumed.inc({ queue, outcome: 'handled' }, 10), 100)
        try {
          const stats = await statsWith(
            house,
            'a rate',
            ({ rates }) => rates.status === 'known' && rates.consumed_per_second > 0,
          )
          expect(known(stats.rates).consumed[queue]).to.be.within(20, 200)
          expect(lagOf(stats, queue)).to.include({ seconds: 12.35, consumer: 'projector' })
          expect(known(stats.breakers).items).to.deep.include({
            ...{ service: 'projector', instance: known(stats.services).items[0]!.instance },
            ...{ of: queue, state: 'open' },
          })
          expect(known(stats.order)).to.include({ gaps_healed: 4, duplicates_dropped: 9 })
          expect(known(stats.services).items[0]).to.include({ service: 'projector', status: 'running' })
        } finally {
          clearInterval(growing)
        }
        const dead = {
          service: 'notifier',
          instance: 'elsewhere:1',
          started_at: new Date().toISOString(),
          figures: json([]),
        }
        await house.db
          .insertInto('service_figures')
          .values({ ...dead, at: new Date(Date.now() - 60_000) })
          .execute()
        const { services } = await statsWith(house, 'the services', ({ services }) => services.status === 'known')
        expect(known(services).items.map(({ service, status }) => [service, status])).to.deep.equal([
          ['notifier', 'silent'],
          ['projector', 'running'],
        ])
      }),
    ))

  it('tell of parked streams and the oldest, of dead letters by state, of poison, and of replays that pause', () =>
    withHouse(
      async (house) => {
        const { act, events } = createChronicle(healthy)
        act(start('client-123'))
        await house.apply(events.filter(({ stream }) => stream === 'journey-client-123'))
        await keepDeadLetter(house.db, letterOf({ reason: 'poison', deathId: 'm-2' }))
        await keepDeadLetter(house.db, letterOf())
        const replay = await requestReplay(house.db, {
          ...{ id: randomUUID(), consumer: 'crm.events', mode: 'redeliver', from: '2026-01-27T10:00:00Z' },
          ...{ to: undefined, filter: undefined, dryRun: false, requestedBy: { type: 'user', id: 'dana' } },
        })
        await moveReplay(house.db, replay.id, 'pause')
        // On a busy machine a part may take longer than it may, and is unknown that time.
        const stats = await statsWith(house, 'all parts', ({ parked, dead_letters, replays, jobs }) =>
          [parked, dead_letters, replays, jobs].every(({ status }) => status === 'known'),
        )
        expect(known(stats.parked)).to.include({ streams: 1 })
        expect(known(stats.parked).oldest).to.include({ stream: 'journey-client-123' })
        expect(known(stats.dead_letters)).to.include({ open: 3, retrying: 0, poison: 1 })
        expect(known(stats.replays).paused).to.deep.equal([
          { id: replay.id, consumer: 'crm.events', mode: 'redeliver', done: 0, total: null },
        ])
        expect(known(stats.jobs)).to.include({ running: 0 })
      },
      { project: () => Promise.reject(new Error('cannot be applied')) },
    ))

  it('count what the relay has not published yet, and the age of the oldest', () =>
    withHouse(async (house) => {
      const before = await house.store.end()
      await house.db
        .insertInto('checkpoints')
        .values({ name: 'event-relay', position: String(before === 'start' ? 0 : before) })
        .execute()
      const { act, events } = createChronicle(healthy)
      act(start(`spec-${randomUUID()}`))
      const [first] = events
      await house.store.append(first!.stream, 'no_stream', [
        { id: randomUUID(), type: first!.event.type, data: first!.event.data, metadata: {} },
      ])
      const { lags } = await statsWith(house, 'what it tells', ({ lags: [relay] }) => relay!.events !== null)
      expect(lags[0]).to.include({ consumer: 'event-relay', queue: null, at_least: false, reason: null })
      expect(lags[0]!.events).to.be.greaterThan(0)
      await eventually('a growing age', async () => (await statsOf(house)).lags[0]!.seconds! > 0.5)
    }))

  it('say what is unknown and why while PostgreSQL is away, and answer all the same, soon', () =>
    withHouse(async (house) => {
      house.toDatabase.sever()
      const began = performance.now()
      await statsOf(house)
      expect(performance.now() - began).to.be.lessThan(1_500)
      const stats = await statsWith(house, 'the queues', ({ queues }) => queues.status === 'known')
      house.toDatabase.mend()
      for (const part of [stats.parked, stats.dead_letters, stats.services, stats.breakers, stats.rates] as const)
        expect(part).to.have.keys('status', 'reason').and.to.include({ status: 'unknown' })
      expect(stats.lags[0]).to.include({ consumer: 'event-relay', events: null, seconds: null })
      expect(stats.lags[0]!.reason).to.be.a('string').and.not.equal('')
    }))

  it('look once a second, however many ask, and never wait longer for a broker that is silent', () =>
    withHouse(async ({ db, store }) => {
      let asked = 0
      const silent = createServer(() => {
        asked++
      }).listen(0, '127.0.0.1')
      await eventually('the server', () => silent.listening)
      const { port } = silent.address() as AddressInfo
      const management = createManagement({ url: `http://guest:guest@127.0.0.1:${port}`, amqpUrl: 'amqp://127.0.0.1' })
      const readQueues = createReadQueues(management)
      const stats = createStats({ db, store, readQueues, checks: {} })
      const all = await Promise.all(Array.from({ length: 100 }, stats))
      expect(asked).to.equal(1)
      expect(new Set(all.map(({ at }) => at)).size).to.equal(1)
      expect(all[0]!.queues).to.deep.equal({ status: 'unknown', reason: 'no answer within 250 ms' })
      silent.closeAllConnections()
      silent.close()
      const without = createStats({
        db,
        store,
        readQueues: createReadQueues(undefined),
        checks: {},
      })
      expect((await without()).queues).to.include({ status: 'unknown' })
    }))
})
