import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { bucketOf, buckets, notifierQueue, projectorQueue, projectorQueues, sagaQueue } from '@journey/contracts'
import { testDatabase, testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import { migrate } from '@journey/migrations'
import { createDatabase, saveCheckpoint } from '@journey/read-model'
import { logOf } from '@journey/read-model/testing'
import { readSettings, silentLog } from '@journey/runtime'
import { build } from './container.js'
import { Settings } from './settings.js'

describe('the event relay on a fresh broker', () => {
  it('loses no event of the consumers that start after it', async () => {
    const [own, vhost] = await Promise.all([testDatabase(), testVhost()])
    await migrate(own.url)
    const log = silentLog()
    const store = createEventStore({ url: testEventStoreUrl(), log })
    const database = createDatabase({ url: own.url, name: 'spec', log })
    const [started] = logOf([{ client: 0, action: 'start', pick: 0 }], `spec-${randomUUID()}`)
    const { id, event, stream, source, correlationId, causationId, actor, at } = started!
    const metadata = {
      $correlationId: correlationId,
      $causationId: causationId,
      version: '1.0',
      timestamp: at,
      source,
      actor,
    }
    const { position } = await store.append(stream, 'no_stream', [{ id, type: event.type, data: event.data, metadata }])
    await saveCheckpoint(database.db, 'event-relay', position! - 1n) // what other specs stored is theirs

    const env = { DATABASE_URL: own.url, RABBITMQ_URL: vhost.url, EVENT_STORE_URL: testEventStoreUrl() }
    const { service } = build(readSettings(Settings, { ...env, LOG_LEVEL: 'silent' }))
    await service.start()
    const broker = await openTestBroker(vhost.url)
    const bucket = buckets.indexOf(bucketOf(stream))
    for (const queue of [projectorQueue(bucket % projectorQueues), sagaQueue, notifierQueue]) {
      const ids: unknown[] = []
      await broker.channel.consume(queue, (message) => ids.push(message?.properties.messageId), { noAck: true })
      await eventually(`the event in ${queue}`, () => ids.length > 0)
      expect(ids).to.deep.equal([id])
    }

    await service.stop()
    await Promise.all([broker.close(), store.stop(), database.stop()])
    await Promise.all([own.drop(), vhost.drop()])
  })
})
