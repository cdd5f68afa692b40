import { randomInt, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exchanges, fromBus, toBus, type Stored } from '@journey/contracts'
import { testEventStore, testVhost } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { bindQueue, createConnection, createOrderedPublisher, unbindQueue } from '@journey/messaging'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import {
  createDatabase,
  moveReplay,
  positionBefore,
  relayProofs,
  replayOf,
  requestReplay,
  runReplays,
  type NewReplay,
  type ReplayRow,
} from '@journey/read-model'
import { actions, logOf, testReadModel, type Move } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { createRedelivery, mostRepeated, redeliveryWindow } from './redelivery.js'

const moves = Array.from({ length: 300 }, (_, n): Move => ({
  client: n % 3,
  action: actions[(n * 31) % actions.length]!,
  pick: n % 17,
}))

/** Stores histories whose events happened a second apart from a day on that no other spec shares, and gives them in log order. */
const storeHistories = async (store: EventStore): Promise<{ log: Stored[]; at: (n: number) => string }> => {
  const day = Date.UTC(2100, 0, 1) + randomInt(1_000_000) * 86_400_000
  const at = (n: number) => new Date(day + n * 1_000).toISOString()
  const log = logOf(moves, `spec-${randomUUID()}`)
  for (const [n, { id, event, stream, revision, source, correlationId, causationId, actor }] of log.entries()) {
    const metadata = {
      $correlationId: correlationId,
      $causationId: causationId,
      version: '1.0',
      timestamp: at(n),
      source,
      actor,
    }
    await store.append(stream, revision === 0 ? 'no_stream' : revision - 1, [
      { id, type: event.type, data: event.data, metadata },
    ])
  }
  const streams = [...new Set(log.map(({ stream }) => stream))]
  const stored = (await Promise.all(streams.map((stream) => store.read(stream)))).flat()
  return { log: stored.sort((a, b) => (a.position < b.position ? -1 : 1)), at }
}

const withRedelivery = async (use: (house: Awaited<ReturnType<typeof setup>>) => Promise<void>): Promise<void> => {
  const house = await setup()
  try {
    await use(house)
  } finally {
    await house.close()
  }
}

const setup = async () => {
  const [own, vhost, events] = await Promise.all([testReadModel(), testVhost(), testEventStore()])
  const log = silentLog()
  const store = createEventStore({ url: events.url, log })
  const database = createDatabase({ url: own.url, name: 'spec', log })
  const { db } = database
  const broker = await openTestBroker(vhost.url)
  const connection = createConnection({
    url: vhost.url,
    name: 'spec',
    log,
    topology: () => ({ exchanges: Object.values(exchanges), queues: [] }),
  })
  await connection.start()
  const histories = await storeHistories(store)
  const queue = 'crm.replays'
  await broker.channel.assertQueue(queue)

  /** `sent` hears of each message. */
  const redelivery = (window: number, sent: (done: number) => void = () => undefined) =>
    createRedelivery({
      store,
      proofs: relayProofs(db),
      positionBefore: (at) => positionBefore(db, at),
      openPublisher: async (confirmed) => {
        const publisher = await createOrderedPublisher({ connection, window, confirmed })
        return {
          ...publisher,
          publish: (place, publication) => {
            sent(place.done)
            return publisher.publish(place, publication)
          },
        }
      },
      binding: {
        bind: (name, key) => bindQueue(connection, name, exchanges.replay.name, key),
        unbind: (name, key) => unbindQueue(connection, name, exchanges.replay.name, key),
      },
    })

  /** Runs replays until the way to stop them is called; `window` is how many messages are unconfirmed at most. */
  const runner = (window = 50) => {
    const stopping = new AbortController()
    const work = redelivery(window)
    const running = runReplays({ db, consumers: { except: 'projector' }, work, log, signal: stopping.signal })
    return async () => {
      stopping.abort()
      await running
    }
  }
  const request = (over: Partial<NewReplay> = {}): Promise<ReplayRow> =>
    requestReplay(db, {
      id: randomUUID(),
      consumer: queue,
      mode: 'redeliver',
      from: histories.at(0),
      to: histories.at(histories.log.length),
      filter: undefined,
      dryRun: false,
      requestedBy: { type: 'user', id: 'dana' },
      ...over,
    })
  const until = (id: string, is: (row: ReplayRow) => boolean) =>
    eventually(
      `replay ${id}`,
      async () => {
        const row = await replayOf(db, id)
        return row && is(row) && row
      },
      60_000,
    )
  /** What a queue holds, taken out. */
  const takeAll = async (from = queue) => {
    const messages = []
    for (let next = await broker.take(from); next; next = await broker.take(from)) messages.push(next)
    return messages
  }
  return {
    ...{ db, broker, connection, queue, redelivery, runner, request, until, takeAll },
    ...histories,
    close: async () => {
      await connection.stop()
      await broker.close()
      await store.stop()
      await database.stop()
      await Promise.all([own.drop(), vhost.drop(), events.stop()])
    },
  }
}

const idsOf = (events: readonly { id: string }[]) => events.map(({ id }) => id)

describe('a redelivery to a queue from outside', function () {
  this.timeout(120_000)

  it('brings exactly the events of the window, in order, as they were and marked, and nobody else hears of it', () =>
    withRedelivery(async ({ log, at, broker, queue, runner, request, until, takeAll }) => {
      await broker.channel.assertQueue('bystander')
      for (const { name } of [exchanges.events, exchanges.received, exchanges.commands])
        await broker.channel.bindQueue('bystander', name, '#')
      await broker.channel.bindQueue('bystander', exchanges.replay.name, queue)
      const stop = runner()
      const { id } = await request({ from: at(20), to: at(120) })
      const ended = await until(id, ({ state }) => state !== 'running')
      await stop()
      const messages = await takeAll()
      expect(ended).to.include({ state: 'completed', done: 100, total: 100 })
      expect(messages.map(({ body }) => JSON.parse(body.toString()) as unknown)).to.deep.equal(
        JSON.parse(JSON.stringify(log.slice(20, 120).map(toBus))),
      )
      for (const { properties, exchange, routingKey } of messages) {
        expect([exchange, routingKey]).to.deep.equal([exchanges.replay.name, `${queue}.${id}`])
        expect(properties.headers['x-replay-id']).to.equal(id)
        expect(properties.headers).not.to.have.property('CC')
      }
      expect(await broker.depth('bystander')).to.equal(0)
      await broker.publish(exchanges.replay.name, `${queue}.${id}`, {})
      expect(await broker.depth(queue), 'the binding is gone').to.equal(0)
    }))

  it('brings one type or one client alone', () =>
    withRedelivery(async ({ log, runner, request, until, takeAll }) => {
      const stop = runner()
      const clientId = (log[0]!.data as { client_id: string }).client_id
      const { id } = await request({ filter: { type: 'journey.*', client_id: clientId } })
      await until(id, ({ state }) => state === 'completed')
      await stop()
      const brought = (await takeAll()).map(({ body }) => fromBus(body))
      expect(idsOf(brought)).to.deep.equal(idsOf(log.filter(({ stream }) => stream === `journey-${clientId}`)))
    }))

  it('only counts in a dry run', () =>
    withRedelivery(async ({ log, queue, broker, runner, request, until }) => {
      const stop = runner()
      const { id } = await request({ dryRun: true })
      const ended = await until(id, ({ state }) => state === 'completed')
      await stop()
      expect(ended).to.include({ done: 0, total: log.length })
      expect(await broker.depth(queue)).to.equal(0)
    }))

  it('stops when paused, and goes on where it was when resumed, by another runner too', () =>
    withRedelivery(async ({ db, log, queue, broker, runner, request, until, takeAll }) => {
      await broker.channel.deleteQueue(queue)
      // Takes 40 and refuses more, so that the replay is surely not over when it is paused.
      await broker.channel.assertQueue(queue, { arguments: { 'x-max-length': 40, 'x-overflow': 'reject-publish' } })
      const first = runner(1)
      const { id } = await request()
      await until(id, ({ done }) => done >= 40)
      await moveReplay(db, id, 'pause')
      await first()
      const paused = await until(id, ({ state }) => state === 'paused')
      const before = await takeAll()
      expect(before).to.have.length(paused.done)
      const second = runner(1)
      await moveReplay(db, id, 'resume')
      const after: typeof before = []
      await eventually(
        'the rest',
        async () => {
          after.push(...(await takeAll()))
          return before.length + after.length >= log.length
        },
        60_000,
      )
      await until(id, ({ state }) => state === 'completed')
      await second()
      expect(idsOf([...before, ...after].map(({ body }) => fromBus(body)))).to.deep.equal(idsOf(log))
    }))

  it('has no more messages out, at any moment it may be killed in, than it says may come twice', () =>
    withRedelivery(async ({ log, redelivery, request }) => {
      expect(log.length).to.be.greaterThan(mostRepeated)
      let [saved, reported, mostUnsaved] = [0, 0, 0]
      const work = redelivery(redeliveryWindow, (done) => (mostUnsaved = Math.max(mostUnsaved, done - saved)))
      await work.run({
        replay: await request(),
        signal: new AbortController().signal,
        report: ({ done }) => (reported = done ?? reported),
        save: async () => {
          const told = reported
          await new Promise(setImmediate) // as a commit, it takes longer than to publish
          saved = told
        },
      })
      expect(reported).to.equal(log.length)
      expect(mostUnsaved).to.be.within(1, mostRepeated)
    }))

  it('ends at once when cancelled, and leaves no binding', () =>
    withRedelivery(async ({ db, queue, broker, runner, request, until }) => {
      await broker.channel.deleteQueue(queue)
      await broker.channel.assertQueue(queue, { arguments: { 'x-max-length': 5, 'x-overflow': 'reject-publish' } })
      const stop = runner(1)
      const { id } = await request()
      await until(id, ({ done }) => done >= 5)
      await moveReplay(db, id, 'cancel')
      await until(id, ({ state, ended_at }) => state === 'cancelled' && ended_at !== null)
      await stop()
      await broker.channel.purgeQueue(queue)
      await broker.publish(exchanges.replay.name, `${queue}.${id}`, {})
      expect(await broker.depth(queue)).to.equal(0)
    }))

  it('fails when the queue is deleted', () =>
    withRedelivery(async ({ queue, broker, runner, request, until }) => {
      await broker.channel.deleteQueue(queue)
      const stop = runner()
      const { id } = await request()
      const ended = await until(id, ({ state }) => state !== 'running')
      await stop()
      expect(ended.state).to.equal('failed')
      expect(ended.error?.code).to.equal('replay/queue_gone')
    }))
})
