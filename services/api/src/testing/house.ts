import type { Storage } from '@journey/archive'
import {
  commandQueue,
  exchanges,
  familyQueue,
  loadConfiguration,
  notifierQueue,
  notifierReplayQueue,
  projectorQueue,
  receivedFamilies,
  sagaQueue,
  type CommandAnswer,
  type Recorded,
} from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { crmChannel } from '@journey/handlers'
import { createConnection, createManagement, createPublisher, queueExists } from '@journey/messaging'
import { createCuttableLink, openTestBroker, type CuttableLink, type TestBroker } from '@journey/messaging/testing'
import {
  applyBatch,
  createDatabase,
  positionBefore,
  project,
  retryParked,
  settle,
  type Consumer,
  type Database,
  type Step,
} from '@journey/read-model'
import { testReadModel } from '@journey/read-model/testing'
import { createRegistry, silentLog } from '@journey/runtime'
import type { FastifyInstance } from 'fastify'
import { fileURLToPath } from 'node:url'
import { createBroadcast } from '../control/broadcast.js'
import { createDesk } from '../desk.js'
import { createFreshness } from '../journeys/freshness.js'
import { createFeed } from '../events/feed.js'
import { createServer } from '../server.js'
import { createReadQueues } from '../system/queues.js'
import { createStats } from '../system/stats.js'
import { createApart } from '../triage/apart/apart.js'
import { createForecaster } from '../triage/forecast/forecaster.js'
import { createTriage, type Triage } from '../triage/triage.js'

/** An API of its own on real servers, both reached through links that can be cut. */
export type House = {
  app: FastifyInstance
  triage: Triage
  db: Database['db']
  broker: TestBroker
  /** The run's; streams are told apart by their names. */
  store: EventStore
  toBroker: CuttableLink
  toDatabase: CuttableLink
  /** Brings events into the read model, as the projector does. */
  apply: (events: readonly Recorded[]) => Promise<void>
  /** Settles a command, as the command-handler does. */
  settle: (answer: Partial<CommandAnswer> & { command_id: string }) => Promise<unknown>
}

export const withHouse = async (
  use: (house: House) => Promise<void>,
  options: {
    token?: string
    handlerQueue?: boolean
    project?: Consumer<Step>['project']
    archive?: Storage
    program?: string
  } = {},
): Promise<void> => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const [toBroker, toDatabase] = [await createCuttableLink(vhost.url), await createCuttableLink(own.url)]
  const log = silentLog()
  const broker = await openTestBroker(vhost.url)
  const connection = createConnection({
    url: toBroker.url,
    name: 'spec',
    log,
    topology: () => ({ exchanges: Object.values(exchanges), queues: [] }),
  })
  await connection.start()
  if (options.handlerQueue ?? true) {
    await broker.channel.assertQueue(commandQueue)
    await broker.channel.bindQueue(commandQueue, exchanges.commands.name, '#')
  }
  for (const queue of [
    projectorQueue(0),
    sagaQueue,
    notifierQueue,
    notifierReplayQueue,
    ...receivedFamilies.map(familyQueue),
  ])
    await broker.channel.assertQueue(queue)
  const direct = createDatabase({ url: own.url, name: 'spec', log })
  const database = createDatabase({ url: toDatabase.url, name: 'api', log })
  const publisher = createPublisher({ connection, timeoutMs: 2_000 })
  const known: Recorded[] = []
  const consumerOf = (db: Database['db']): Consumer<Step> => ({
    db,
    name: 'projector',
    project: options.project ?? project,
    readMissing: (stream, from, to) =>
      known.filter((one) => one.stream === stream && one.revision >= from && one.revision <= to),
  })
  const store = createEventStore({ url: testEventStoreUrl(), log })
  const configDir = fileURLToPath(new URL('../../../../infra/config', import.meta.url))
  const crm = 'https://crm.example/hook?key=1'
  const env = {
    ...{ DATABASE_URL: own.url, EVENT_STORE_URL: testEventStoreUrl(), RABBITMQ_URL: vhost.url },
    ...{ JOURNEY_CONFIG_DIR: configDir, CRM_WEBHOOK_URL: crm },
  }
  const { program } = options
  // A program that is made to come to nothing is not waited for as long.
  const apart = createApart({
    env,
    log,
    ...(program === undefined ? { withinMs: 10_000 } : { withinMs: 500, program }),
  })
  const triage = createTriage({
    db: database.db,
    publisher,
    apart,
    queueExists: (queue) => queueExists(connection, queue),
    forecaster: createForecaster({
      db: database.db,
      store,
      configuration: loadConfiguration(configDir, {}),
      channels: [crmChannel({ url: crm, isEnabled: true })],
      aliveWithinMs: 30_000,
      now: () => new Date(),
    }),
    freeStream: (stream) => retryParked(consumerOf(database.db), stream),
    now: () => new Date(),
    log,
  })
  const checks = { database: () => database.check(), broker: () => connection.check() }
  const app = await createServer({
    stages: [{ stage_id: 'sandbox', name: 'Sandbox', duration_target_days: 15 }],
    db: database.db,
    desk: createDesk({ db: database.db, publisher, log }),
    triage,
    freshness: createFreshness(database.db),
    checks,
    broadcast: createBroadcast({ db: database.db, publisher, log }),
    events: {
      store,
      positionBefore: (at) => positionBefore(database.db, at),
      feed: createFeed({ store, log, beatMs: 200 }),
      patienceMs: 1_000,
    },
    stats: createStats(
      {
        db: database.db,
        store,
        readQueues: createReadQueues(createManagement({ url: vhost.managementUrl, amqpUrl: vhost.url })),
        checks,
      },
      0,
    ),
    registry: createRegistry('api'),
    log,
    version: '1.0.0',
    token: options.token,
    aliveWithinMs: 30_000,
    queueExists: (queue) => queueExists(connection, queue),
    archive: options.archive,
    privacy: { store: noEvents, masterKeys: undefined },
  })
  try {
    await use({
      app,
      triage,
      db: direct.db,
      broker,
      store,
      toBroker,
      toDatabase,
      apply: async (events) => {
        known.push(...events)
        await applyBatch(consumerOf(direct.db), events)
      },
      settle: (answer) =>
        settle(direct.db, {
          command_type: 'journey.start',
          status: 'accepted',
          stream: null,
          revision: null,
          events: [],
          error: null,
          ...answer,
        }),
    })
  } finally {
    await app.close()
    await apart.stop()
    await connection.stop()
    await store.stop()
    await broker.close()
    await Promise.all([database.stop(), direct.stop()])
    await Promise.all([toBroker.close(), toDatabase.close()])
    await Promise.all([own.drop(), vhost.drop()])
  }
}

/** The API reads no stream but for an erasure, which the specs of the whole system try. */
const noEvents = {
  // eslint-disable-next-line @typescript-eslint/require-await -- there is nothing to wait for
  readEach: async function* () {
    yield* []
  },
  readLast: () => Promise.resolve(undefined),
}
