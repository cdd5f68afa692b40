import { spawn } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { deadLetterQueueOf, exchanges, notifierQueue, notifierReplayQueue, type Proofs } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createSink, type Answer, type Received, type Sink } from '@journey/integrations/testing'
import { eventually, openTestBroker, startProcess, type TestBroker } from '@journey/messaging/testing'
import { createDatabase, relayProofs, storeDelivery, type Database, type DeliveryRow } from '@journey/read-model'
import { testReadModel } from '@journey/read-model/testing'
import { readSettings, silentLog, type Environment } from '@journey/runtime'
import { expect } from 'chai'
import { sql } from 'kysely'
import { build } from './container.js'
import { Settings } from './settings.js'
import { promoted, proven, type BusEvent } from './testing/events.js'

const secret = 'a key for specs'
const configDir = fileURLToPath(new URL('../../../infra/config', import.meta.url))
const main = fileURLToPath(new URL('main.js', import.meta.url))

type House = {
  env: Environment
  broker: TestBroker
  database: Database
  /** Starts the service in this process. */
  start: (more?: Environment) => Promise<{ stop(): Promise<void> }>
  proofs: Proofs
  publish: (event: BusEvent) => Promise<void>
  rows: () => Promise<DeliveryRow[]>
  /** The one row there is, once it is in this state. */
  rowIn: (state: DeliveryRow['state']) => Promise<DeliveryRow>
}

const withHouse = async (use: (house: House) => Promise<void>) => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const broker = await openTestBroker(vhost.url)
  const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
  const proofs = await relayProofs(database.db)()
  const running: { stop(): Promise<void> }[] = []
  const env: Environment = {
    DATABASE_URL: own.url,
    RABBITMQ_URL: vhost.url,
    EVENT_STORE_URL: testEventStoreUrl(),
    JOURNEY_CONFIG_DIR: configDir,
    LOG_LEVEL: 'silent',
    CRM_WEBHOOK_RETRY_DELAY_MS: '10',
  }
  const rows = () => database.db.selectFrom('deliveries').selectAll().orderBy('created_at').execute()
  try {
    await use({
      env,
      broker,
      database,
      proofs,
      start: async (more = {}) => {
        const whole = { ...env, ...more }
        const { service } = build(readSettings(Settings, whole), whole)
        running.push(service)
        await service.start()
        return service
      },
      publish: (event) => {
        const { body, properties } = proven(proofs, event)
        return broker.publish(exchanges.events.name, event.event_type, body, properties)
      },
      rows,
      rowIn: (state) =>
        eventually(`a row that is ${state}`, async () => (await rows()).find((row) => row.state === state)),
    })
  } finally {
    await Promise.all(running.map((service) => service.stop()))
    await broker.close()
    await database.stop()
    await Promise.all([own.drop(), vhost.drop()])
  }
}

const withSink = async (
  answer: Answer | undefined,
  use: (house: House, sink: Sink, crm: Environment) => Promise<void>,
) =>
  withHouse(async (house) => {
    const sink = await createSink(answer)
    try {
      await use(house, sink, { CRM_WEBHOOK_URL: sink.url, CRM_WEBHOOK_SECRET: secret })
    } finally {
      await sink.stop()
    }
  })

const answering =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, headers).end()

const idsOf = (received: readonly Received[]): unknown[] => received.map(({ headers }) => headers['x-delivery-id'])

describe('an event for the CRM', () => {
  it('arrives there signed, and is recorded as delivered', () =>
    withSink(undefined, async ({ start, publish, rowIn }, sink, crm) => {
      await start(crm)
      const event = promoted()
      await publish(event)
      const row = await rowIn('delivered')
      const [{ headers, body }] = sink.received as [Received]
      expect(headers['x-webhook-signature']).to.equal(
        `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      )
      expect(headers).to.include({ 'x-delivery-id': row.delivery_id, 'x-event-id': event.event_id })
      expect(body.toString()).to.equal(
        '{"event_type":"journey.stage_transition","client_id":"client-123","from_stage":"sandbox","to_stage":"pilot",' +
          '"timestamp":"2026-01-27T10:30:00.000Z","metadata":{"episode":1,"reason":"exit criteria passed","exit_criteria_passed":true}}',
      )
      expect(row).to.include({ channel: 'crm', attempts: 1, last_status: 204, target: sink.url.split('?')[0] })
      expect(row.tries.map(({ outcome, status }) => ({ outcome, status }))).to.deep.equal([
        { outcome: 'delivered', status: 204 },
      ])
    }))

  it('is told once, however often it comes', () =>
    withSink(undefined, async ({ start, publish }, sink, crm) => {
      await start({ ...crm, RABBITMQ_PREFETCH: '1' }) // in order, so that the last one told means the others are done
      const event = promoted()
      for (const each of [event, event, event, promoted('last')]) await publish(each)
      await eventually('the last one told', () => sink.received.some(({ body }) => body.includes('"last"')))
      expect(sink.received.map(({ headers }) => headers['x-event-id'])).to.have.length(2)
    }))

  it('is told once by two notifiers', () =>
    withSink(undefined, async ({ start, publish, rows }, sink, crm) => {
      await Promise.all([start(crm), start(crm)])
      const events = Array.from({ length: 30 }, (_, n) => promoted(`client-${n}`))
      for (const event of events) await publish(event)
      await eventually(
        'all delivered',
        async () => (await rows()).filter((row) => row.state === 'delivered').length === 30,
      )
      expect(idsOf(sink.received)).to.have.length(30)
      expect(new Set(idsOf(sink.received))).to.have.property('size', 30)
    }))
})

describe('a replayed event', () => {
  it('is told again, once for each replay and marked, though it was told before', () =>
    withSink(undefined, async ({ start, publish, broker, proofs, rows }, sink, crm) => {
      await start({ ...crm, RABBITMQ_PREFETCH: '1' })
      const event = promoted()
      await publish(event)
      await sink.whenReceived(1)
      const [first, second] = [randomUUID(), randomUUID()]
      const { body, properties } = proven(proofs, event)
      for (const replay of [first, first, second])
        broker.channel.sendToQueue(notifierReplayQueue, body, {
          ...properties,
          headers: { ...properties.headers, 'x-replay-id': replay },
        })
      await sink.whenReceived(3)
      expect(sink.received.map(({ headers }) => headers['x-replay-id'])).to.have.members([undefined, first, second])
      expect(new Set(idsOf(sink.received))).to.have.property('size', 3)
      expect((await rows()).map(({ replay_id }) => replay_id)).to.have.members([null, first, second])
    }))

  it('that comes over journey.events is none, whatever it says', () =>
    withSink(undefined, async ({ start, publish, broker, proofs, rows }, sink, crm) => {
      await start({ ...crm, RABBITMQ_PREFETCH: '1' })
      const event = promoted()
      await publish(event)
      const { body, properties } = proven(proofs, event)
      await broker.publish(exchanges.events.name, event.event_type, body, {
        ...properties,
        headers: { ...properties.headers, 'x-replay-id': randomUUID() },
      })
      await publish(promoted('last'))
      await eventually('the last one told', () => sink.received.some(({ body }) => body.includes('"last"')))
      expect((await rows()).map(({ replay_id }) => replay_id)).to.deep.equal([null, null])
    }))
})

describe('an event that somebody else publishes', () => {
  it('is a dead letter on both queues, and the CRM hears nothing of it', () =>
    withSink(undefined, async ({ start, publish, broker, proofs, database, rows }, sink, crm) => {
      await start({ ...crm, RABBITMQ_PREFETCH: '1' })
      const [lie, truth] = [promoted('lied about'), promoted('true')]
      await broker.publish(exchanges.events.name, lie.event_type, lie, { messageId: lie.event_id })
      const { properties } = proven(proofs, truth)
      await broker.publish(exchanges.events.name, lie.event_type, lie, properties)
      broker.channel.sendToQueue(notifierReplayQueue, Buffer.from(JSON.stringify(lie)), {
        headers: { 'x-replay-id': randomUUID() },
      })
      await publish(truth)
      await sink.whenReceived(1)
      const letters = () => database.db.selectFrom('dead_letters').select(['queue', 'code']).execute()
      await eventually('three dead letters', async () => (await letters()).length === 3)
      expect((await letters()).map(({ queue, code }) => `${queue} ${code}`).sort()).to.deep.equal([
        `${notifierQueue} event/foreign`,
        `${notifierQueue} event/foreign`,
        `${notifierReplayQueue} event/foreign`,
      ])
      expect((await rows()).map(({ client_id }) => client_id)).to.deep.equal(['true'])
    }))
})

describe('an event that the CRM does not hear of', () => {
  it('leaves no row', () =>
    withSink(undefined, async ({ start, publish, rows }, sink, crm) => {
      await start({ ...crm, RABBITMQ_PREFETCH: '1' })
      await publish({ ...promoted('quiet'), event_type: 'journey.cancelled' })
      await publish(promoted('loud'))
      await sink.whenReceived(1)
      expect((await rows()).map(({ client_id }) => client_id)).to.deep.equal(['loud'])
    }))
})

describe('a CRM that fails', () => {
  it('is asked three times under one id, and the row says how each ended', () =>
    withSink(answering(503), async ({ start, publish, rowIn }, sink, crm) => {
      await start(crm)
      await publish(promoted())
      const row = await rowIn('failed')
      expect(idsOf(sink.received)).to.deep.equal(Array(3).fill(row.delivery_id))
      expect(new Set(sink.received.map(({ body }) => body.toString()))).to.have.property('size', 1)
      expect(row).to.include({
        attempts: 3,
        last_status: 503,
        last_error: 'answered 503',
        next_at: null,
        delivered_at: null,
      })
      expect(row.tries.map(({ code }) => code)).to.deep.equal(Array(3).fill('webhook/server_error'))
    }))

  it('twice, has it delivered at the third attempt', () =>
    withSink(
      (response, n) => response.writeHead(n < 3 ? 500 : 200).end(),
      async ({ start, publish, rowIn }, _, crm) => {
        await start(crm)
        await publish(promoted())
        const { tries } = await rowIn('delivered')
        expect(tries.map(({ status }) => status)).to.deep.equal([500, 500, 200])
      },
    ))

  it('is left alone for as long as it asks', () =>
    withSink(
      (response, n) => (n === 1 ? response.writeHead(429, { 'retry-after': '1' }) : response.writeHead(200)).end(),
      async ({ start, publish, rowIn }, sink, crm) => {
        await start(crm)
        await publish(promoted())
        await rowIn('delivered')
        const [first, second] = sink.received as [Received, Received]
        expect(second.at - first.at).to.be.at.least(1_000)
      },
    ))

  it('is not asked a sixth time in a row, and no attempt is used up by that', () =>
    withSink(answering(500), async ({ start, publish, rows }, sink, crm) => {
      await start({ ...crm, CRM_WEBHOOK_CONCURRENCY: '1' })
      await publish(promoted('first'))
      await publish(promoted('second'))
      await publish(promoted('third'))
      await sink.whenReceived(5)
      const attempts = async () => (await rows()).reduce((sum, row) => sum + row.attempts, 0)
      await eventually('five attempts recorded', async () => (await attempts()) === 5)
      await publish(promoted('fourth'))
      const fourth = await eventually('the fourth stored', async () =>
        (await rows()).find(({ client_id }) => client_id === 'fourth'),
      )
      expect(fourth).to.include({ state: 'pending', attempts: 0 })
      expect(sink.received).to.have.length(5)
    }))
})

describe('a CRM webhook that is switched off', () => {
  it('has its deliveries recorded as disabled and never sent', () =>
    withSink(undefined, async ({ start, publish, rowIn }, sink, crm) => {
      await start({ ...crm, CRM_WEBHOOK_ENABLED: 'false' })
      await publish(promoted())
      expect(await rowIn('disabled')).to.include({ attempts: 0, next_at: null })
      expect(sink.received).to.have.length(0)
    }))
})

describe('a notifier that died', () => {
  it('after storing has it sent once by the next', () =>
    withSink(undefined, async ({ start, publish, database, rows, rowIn }, sink, crm) => {
      const stored = {
        deliveryId: randomUUID(),
        eventId: randomUUID(),
        channel: 'crm',
        target: '',
        eventType: 'journey.completed',
        clientId: 'client-1',
        payload: { timestamp: '2026-01-27T10:30:00.000Z' },
        state: 'pending' as const,
      }
      await storeDelivery(database.db, stored)
      await start(crm)
      await rowIn('delivered')
      await publish(promoted())
      await eventually(
        'both delivered',
        async () => (await rows()).filter((row) => row.state === 'delivered').length === 2,
      )
      expect(idsOf(sink.received).filter((id) => id === stored.deliveryId)).to.have.length(1)
    }))

  it('while sending has it sent again under the same id, with no attempt used up', () => {
    let isHanging = true
    return withSink(
      (response) => {
        if (!isHanging) response.writeHead(200).end()
      },
      async ({ env, start, publish, rowIn }, sink, crm) => {
        await (await start(crm)).stop() // declares the queue
        const child = spawn(process.execPath, [main], {
          env: { ...env, ...crm },
          stdio: ['ignore', 'ignore', 'inherit'],
        })
        const gone = once(child, 'exit')
        try {
          await publish(promoted())
          await sink.whenReceived(1)
        } finally {
          child.kill('SIGKILL')
          await gone
        }
        isHanging = false
        await start(crm)
        const row = await rowIn('delivered')
        expect(idsOf(sink.received)).to.deep.equal([row.delivery_id, row.delivery_id])
        expect(row.attempts).to.equal(1)
      },
    )
  })
})

describe('two notifiers, one of which is killed', () => {
  it('have what it had in hand sent by the other within seconds, and nothing else again', () =>
    withSink(undefined, async ({ env, start, publish, rows }, sink, crm) => {
      const unanswering = await createSink(() => undefined)
      await start({ ...crm, CRM_WEBHOOK_CONCURRENCY: '1' })
      const doomed = await startProcess(main, {
        ...(env as Record<string, string>),
        ...{ CRM_WEBHOOK_URL: unanswering.url, CRM_WEBHOOK_SECRET: secret, CRM_WEBHOOK_CONCURRENCY: '1' },
        ...{ LOG_LEVEL: 'info', JOURNEY_HEALTH_PORT: '0' },
      })
      try {
        // Either may take the next one, so until the doomed one has; what the other took is done by then.
        let published = 0
        while (unanswering.received.length === 0) {
          await publish(promoted(`client-${published++}`))
          await eventually('it taken', () => unanswering.received.length + sink.received.length === published)
        }
        await eventually('the others delivered', async () => {
          const states = (await rows()).map(({ state }) => state)
          return states.filter((state) => state === 'delivered').length === published - 1
        })
        await doomed.kill()
        await eventually('all delivered', async () => (await rows()).every(({ state }) => state === 'delivered'))
        const [left] = idsOf(unanswering.received)
        const ids = (await rows()).map(({ delivery_id }) => delivery_id)
        expect(idsOf(sink.received)).to.have.members(ids)
        expect(idsOf(sink.received).at(-1)).to.equal(left)
        expect((await rows()).map(({ attempts }) => attempts)).to.deep.equal(Array(published).fill(1))
      } finally {
        await doomed.kill()
        await unanswering.stop()
      }
    }))
})

describe('a notifier that loses its database while sending', () => {
  it('lives on, and sends again under the same id', async () => {
    let cut = (): Promise<unknown> => Promise.reject(new Error('not ready'))
    await withSink(
      (response, n) => void (n === 1 ? cut() : Promise.resolve()).then(() => response.writeHead(200).end()),
      async ({ database, start, publish, rowIn }, sink, crm) => {
        cut = () =>
          sql`select pg_terminate_backend(pid) from pg_stat_activity
              where application_name = 'notifier' and datname = current_database()`.execute(database.db)
        await start(crm)
        await publish(promoted())
        const row = await rowIn('delivered')
        expect(idsOf(sink.received)).to.deep.equal([row.delivery_id, row.delivery_id])
      },
    )
  })
})

describe('a message that is no event of ours', () => {
  it('becomes a dead letter in the table, and the next event is told', () =>
    withSink(undefined, async ({ start, publish, broker, database }, sink, crm) => {
      await start(crm)
      await broker.publish(exchanges.events.name, 'journey.stage_promoted', Buffer.from('rubbish'))
      const { client_id: _, ...data } = promoted().data
      await publish({ ...promoted(), data: data as BusEvent['data'] })
      await publish({ ...promoted(), event_id: 'not-a-uuid' })
      await publish(promoted())
      await sink.whenReceived(1)
      const letters = () => database.db.selectFrom('dead_letters').selectAll().execute()
      await eventually('three dead letters', async () => (await letters()).length === 3)
      expect((await letters()).map(({ queue, reason, state }) => [queue, reason, state])).to.deep.equal(
        Array(3).fill([notifierQueue, 'malformed', 'open']),
      )
      await eventually('an empty queue', async () => (await broker.depth(deadLetterQueueOf(notifierQueue))) === 0)
    }))
})
