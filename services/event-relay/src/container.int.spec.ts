import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import {
  bucketOf,
  buckets,
  exchanges,
  notifierQueue,
  projectorQueue,
  projectorQueues,
  receivedType,
  restoredMark,
  sagaQueue,
} from '@journey/contracts'
import { knowledgeShared } from '@journey/contracts/testing'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import { eventually, openTestBroker, type TestBroker } from '@journey/messaging/testing'
import { createDatabase, saveCheckpoint } from '@journey/read-model'
import { logOf, testReadModel } from '@journey/read-model/testing'
import { readSettings, silentLog } from '@journey/runtime'
import { build } from './container.js'
import { Settings } from './settings.js'

/** A relay on servers of its own, and what one does to see which queues an event reaches. */
const setup = async () => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const log = silentLog()
  const store = createEventStore({ url: testEventStoreUrl(), log })
  const database = createDatabase({ url: own.url, name: 'spec', log })
  const env = { DATABASE_URL: own.url, RABBITMQ_URL: vhost.url, EVENT_STORE_URL: testEventStoreUrl() }
  const { service } = build(readSettings(Settings, { ...env, LOG_LEVEL: 'silent' }))
  let broker: TestBroker | undefined
  return {
    /** Stores the beginning of a new journey; gives its id, place and stream. */
    storeOne: async (more: object = {}) => {
      const [started] = logOf([{ client: 0, action: 'start', pick: 0 }], `spec-${randomUUID()}`)
      const { event, stream, source, correlationId, causationId, actor, at } = started!
      const id = randomUUID()
      const metadata = {
        $correlationId: correlationId,
        $causationId: causationId,
        version: '1.0',
        timestamp: at,
        source,
        actor,
        ...more,
      }
      const news = [{ id, type: event.type, data: event.data, metadata }]
      const { position } = await store.append(stream, 'no_stream', news)
      return { id, stream, position: position! }
    },
    /** Stores an event of others, its correlation id longer than a property of a message may be; gives its place and content. */
    storeOneOfOthers: async () => {
      const event = { ...knowledgeShared({ event_id: randomUUID() }), metadata: { correlation_id: 'ä'.repeat(255) } }
      const { event_id: id, timestamp, source, metadata } = event
      const ids = { $correlationId: metadata.correlation_id, $causationId: id }
      const { position } = await store.append('received-knowledge', 'any', [
        { id, type: receivedType, data: event, metadata: { ...ids, version: '1.0', timestamp, source } },
      ])
      return { event, position: position! }
    },
    /** The first message in a queue. */
    firstIn: async (queue: string) => {
      const messages: { body: string; correlationId: unknown }[] = []
      await broker!.channel.consume(
        queue,
        (message) =>
          message &&
          messages.push({ body: message.content.toString(), correlationId: message.properties.correlationId }),
        { noAck: true },
      )
      return eventually(`a message in ${queue}`, () => messages[0])
    },
    /** A queue of the spec's own that hears all that is published for everybody. */
    listen: async () => {
      const { queue } = await broker!.channel.assertQueue('', { exclusive: true })
      await broker!.channel.bindQueue(queue, exchanges.events.name, '#')
      return queue
    },
    /** What other specs stored before is theirs. */
    startAfter: async (position: bigint) => {
      await saveCheckpoint(database.db, 'event-relay', position)
      await service.start()
      broker = await openTestBroker(vhost.url)
    },
    /** The first messages in a queue, by their ids. */
    idsIn: async (queue: string, count: number) => {
      const ids: unknown[] = []
      await broker!.channel.consume(queue, (message) => ids.push(message?.properties.messageId), { noAck: true })
      await eventually(`the events in ${queue}`, () => ids.length >= count)
      return ids
    },
    stop: async () => {
      await service.stop()
      await Promise.all([broker?.close(), store.stop(), database.stop()])
      await Promise.all([own.drop(), vhost.drop()])
    },
  }
}

const queueOf = (stream: string): string => projectorQueue(buckets.indexOf(bucketOf(stream)) % projectorQueues)

describe('the event relay on a fresh broker', () => {
  it('loses no event of the consumers that start after it', async () => {
    const { storeOne, startAfter, idsIn, stop } = await setup()
    const { id, stream, position } = await storeOne()
    await startAfter(position - 1n)
    for (const queue of [queueOf(stream), sagaQueue, notifierQueue])
      expect(await idsIn(queue, 1), queue).to.deep.equal([id])
    await stop()
  })

  it('brings an event that was restored from the archive to the projector alone', async () => {
    const { storeOne, startAfter, idsIn, stop } = await setup()
    const restored = await storeOne({ [restoredMark]: true })
    const other = await storeOne()
    await startAfter(restored.position - 1n)
    for (const queue of [sagaQueue, notifierQueue]) expect(await idsIn(queue, 1), queue).to.deep.equal([other.id])
    expect((await idsIn(queueOf(restored.stream), 1))[0]).to.equal(restored.id)
    await stop()
  })

  it('brings what others published to the projector alone, whatever they called it', async () => {
    const { storeOne, storeOneOfOthers, startAfter, listen, idsIn, firstIn, stop } = await setup()
    const first = await storeOne()
    await startAfter(first.position - 1n)
    expect(await idsIn(sagaQueue, 1)).to.deep.equal([first.id])
    const everybody = await listen()
    const { event } = await storeOneOfOthers()
    const { id } = await storeOne()
    const message = await firstIn(queueOf('received-knowledge'))
    expect(await idsIn(everybody, 1), 'they heard it from its publisher').to.deep.equal([id])
    const { event_id, metadata } = JSON.parse(message.body) as typeof event
    expect([event_id, metadata.correlation_id]).to.deep.equal([event.event_id, event.metadata.correlation_id])
    expect(message.correlationId, 'too long for a property').to.equal(undefined)
    await stop()
  })
})
