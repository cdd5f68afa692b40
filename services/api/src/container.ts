import 'reflect-metadata'
import {
  applyLogLevel,
  exchanges,
  loadConfiguration,
  logLevelOf,
  masterKeysOf,
  sealOf,
  type Configuration,
} from '@journey/contracts'
import { createEventStore, sealedStore, type EventStore } from '@journey/event-store'
import {
  createBusMeters,
  createConnection,
  createControl,
  createManagement,
  createPublisher,
  queueExists,
  type Connection,
  type Publisher,
} from '@journey/messaging'
import {
  createDatabase,
  positionBefore,
  readModelConsumer,
  reportFigures,
  retryParked,
  type Database,
} from '@journey/read-model'
import {
  asPart,
  codeOf,
  createLog,
  createFigures,
  createRegistry,
  healthServer,
  inOrder,
  type Environment,
  type Log,
  type Part,
} from '@journey/runtime'
import { Container } from 'inversify'
import type { Registry } from 'prom-client'
import { archiveKeeper } from './archive/keeper.js'
import { createBroadcast } from './control/broadcast.js'
import { createDesk, type Desk } from './desk.js'
import { createFeed } from './events/feed.js'
import { createFreshness, type Freshness } from './journeys/freshness.js'
import { createListener } from './listener.js'
import { createServer } from './server.js'
import { accessOf, archiveOf, type Access, type ApiSettings } from './settings.js'
import { createReadQueues } from './system/queues.js'
import { createStats } from './system/stats.js'
import { createApart, type Apart } from './triage/apart/apart.js'
import { createDeadLetterGauges } from './triage/care.js'
import { forecasterOf, missedHeartbeats } from './triage/forecast/composed.js'
import { leadingTriage } from './triage/leading.js'
import { createTriage, type Triage } from './triage/triage.js'

const service = 'api'

/** How long a command may take to be safe on the bus before its sender hears that the bus is away. */
const publishLimitMs = 2_000

const tokens = {
  access: Symbol.for('access'),
  configuration: Symbol.for('configuration'),
  log: Symbol.for('log'),
  registry: Symbol.for('registry'),
  database: Symbol.for('database'),
  eventStore: Symbol.for('event store'),
  connection: Symbol.for('connection'),
  publisher: Symbol.for('publisher'),
  desk: Symbol.for('desk'),
  apart: Symbol.for('apart'),
  triage: Symbol.for('triage'),
  freshness: Symbol.for('freshness'),
  service: Symbol.for('service'),
}

/**
 * Builds the service from its settings; the one place that knows what is made of what.
 *
 * @throws malformed `settings/…`, `config/invalid`
 */
export const build = (settings: Readonly<ApiSettings>, env: Environment): { service: Part; log: Log } => {
  const container = new Container({ defaultScope: 'Singleton' })

  container.bind<Access>(tokens.access).toDynamicValue(() => accessOf(settings))
  container.bind<Configuration>(tokens.configuration).toDynamicValue(() => loadConfiguration(settings.configDir, env))
  container
    .bind<Log>(tokens.log)
    .toDynamicValue(() => createLog({ service, level: logLevelOf(service, settings).level }))
  container.bind<Registry>(tokens.registry).toDynamicValue(() => createRegistry(service))
  container.bind<Database>(tokens.database).toDynamicValue((context) =>
    createDatabase({
      url: settings.databaseUrl,
      encryption: settings.encryption,
      name: service,
      log: context.get(tokens.log),
    }),
  )
  // As it is stored, for the archive: what is sealed stays sealed there.
  container
    .bind<EventStore>(tokens.eventStore)
    .toDynamicValue((context) => createEventStore({ url: settings.eventStoreUrl, log: context.get(tokens.log) }))
  container.bind<Connection>(tokens.connection).toDynamicValue((context) =>
    createConnection({
      url: settings.amqpUrl,
      name: service,
      log: context.get(tokens.log),
      topology: () => ({ exchanges: Object.values(exchanges), queues: [] }),
    }),
  )
  container.bind<Publisher>(tokens.publisher).toDynamicValue((context) =>
    createPublisher({
      connection: context.get(tokens.connection),
      meters: createBusMeters(context.get(tokens.registry)),
      timeoutMs: publishLimitMs,
    }),
  )
  container
    .bind<Freshness>(tokens.freshness)
    .toDynamicValue((context) => createFreshness(context.get<Database>(tokens.database).db))
  container.bind<Desk>(tokens.desk).toDynamicValue((context) =>
    createDesk({
      db: context.get<Database>(tokens.database).db,
      publisher: context.get(tokens.publisher),
      log: context.get(tokens.log),
    }),
  )
  container.bind<Apart>(tokens.apart).toDynamicValue((context) => createApart({ env, log: context.get(tokens.log) }))
  container.bind<Triage>(tokens.triage).toDynamicValue((context) => {
    const { db, vault } = context.get<Database>(tokens.database)
    const store = sealedStore(context.get<EventStore>(tokens.eventStore), sealOf(vault, context.get(tokens.log)))
    const consumer = readModelConsumer(db, store)
    const configuration = context.get<Configuration>(tokens.configuration)
    const connection = context.get<Connection>(tokens.connection)
    return createTriage({
      db,
      publisher: context.get(tokens.publisher),
      forecaster: forecasterOf({ db, store, settings, configuration }),
      apart: context.get(tokens.apart),
      queueExists: (queue) => queueExists(connection, queue),
      freeStream: (stream) => retryParked(consumer, stream),
      now: () => new Date(),
      log: context.get(tokens.log),
    })
  })
  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const access = context.get<Access>(tokens.access)
    const { orchestrator, heartbeat_ms, catalog } = context.get<Configuration>(tokens.configuration)
    const { version } = orchestrator
    const log = context.get<Log>(tokens.log)
    const registry = context.get<Registry>(tokens.registry)
    const database = context.get<Database>(tokens.database)
    const eventStore = context.get<EventStore>(tokens.eventStore)
    const opened = sealedStore(eventStore, sealOf(database.vault, log))
    const connection = context.get<Connection>(tokens.connection)
    const checks = {
      encryption: () => database.vault.check(),
      database: () => database.check(),
      broker: () => connection.check(),
      event_store: () => eventStore.check(),
    }
    createDeadLetterGauges(registry, database.db, log)
    const archive = archiveOf(settings)
    const { amqpManagementUrl: url, amqpUrl } = settings
    const management = url === undefined ? undefined : createManagement({ url, amqpUrl })
    const server = () =>
      createServer({
        db: database.db,
        desk: context.get(tokens.desk),
        triage: context.get(tokens.triage),
        freshness: context.get(tokens.freshness),
        checks,
        registry,
        log,
        version,
        token: access.token,
        aliveWithinMs: missedHeartbeats * heartbeat_ms,
        stages: catalog.stages,
        queueExists: (queue) => queueExists(connection, queue),
        privacy: { store: eventStore, masterKeys: settings.encryption && masterKeysOf(settings.encryption) },
        archive,
        broadcast: createBroadcast({
          db: database.db,
          publisher: context.get(tokens.publisher),
          log,
        }),
        events: {
          store: opened,
          positionBefore: (at) => positionBefore(database.db, at),
          feed: createFeed({ store: opened, log }),
        },
        stats: createStats({
          db: database.db,
          store: opened,
          readQueues: createReadQueues(management),
          checks,
        }),
      })
    const { healthHost: host, healthPort: port } = settings
    return inOrder(
      service,
      [
        healthServer({ host, port, registry, checks, info: { service, version } }),
        asPart('database', database),
        reportFigures({ db: database.db, service, read: createFigures(registry), log }),
        asPart('event store', eventStore),
        inTheBackground(connection),
        // It hears as soon as the broker is there; nobody waits for that.
        inTheBackground(
          createControl({
            connection,
            service,
            pausable: false,
            reload: (level) => applyLogLevel(log, service, settings, level),
            log,
          }),
        ),
        asPart('process apart', context.get<Apart>(tokens.apart)),
        leadingTriage({ db: database.db, triage: context.get(tokens.triage), log }),
        ...(archive
          ? [
              archiveKeeper({
                db: database.db,
                store: eventStore,
                storage: archive,
                afterDays: settings.archiveAfterDays,
                now: () => new Date(),
                log,
              }),
            ]
          : []),
        createListener({ server, host: access.host, port: access.port, log }),
      ],
      log,
    )
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}

/**
 * Reads are served while the broker is away, so nobody waits for it. A broker that refuses us needs an operator: that ends
 * the process, as an unhandled rejection.
 */
const inTheBackground = (part: Part): Part => ({
  name: part.name,
  start: () => {
    void part.start().catch((error: unknown) => {
      if (codeOf(error) !== 'broker/stopped') throw error
    })
    return Promise.resolve()
  },
  stop: () => part.stop(),
})
