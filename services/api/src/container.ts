import { applyLogLevel, exchanges, loadConfiguration, masterKeysOf, type Configuration } from '@journey/contracts'
import type { EventStore } from '@journey/event-store'
import { common, createServiceContainer } from '@journey/frame'
import { createControl, createManagement, queueExists, type Connection } from '@journey/messaging'
import { positionBefore, readModelConsumer, reportFigures, retryParked, type Database } from '@journey/read-model'
import {
  asPart,
  codeOf,
  createFigures,
  healthServer,
  inOrder,
  type Environment,
  type Log,
  type Part,
} from '@journey/runtime'
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
  ...common,
  access: Symbol.for('access'),
  configuration: Symbol.for('configuration'),
  desk: Symbol.for('desk'),
  apart: Symbol.for('apart'),
  triage: Symbol.for('triage'),
  freshness: Symbol.for('freshness'),
}

/**
 * Builds the service from its settings; the one place that knows what is made of what.
 *
 * @throws malformed `settings/…`, `config/invalid`
 */
export const build = (settings: Readonly<ApiSettings>, env: Environment): { service: Part; log: Log } => {
  const container = createServiceContainer({
    service,
    settings,
    declare: () => ({ topology: () => ({ exchanges: Object.values(exchanges), queues: [] }) }),
    publishLimitMs,
  })
  container.bind<Access>(tokens.access).toDynamicValue(() => accessOf(settings))
  container.bind<Configuration>(tokens.configuration).toDynamicValue(() => loadConfiguration(settings.configDir, env))
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
    const { db } = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
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
    const store = context.get<EventStore>(tokens.eventStore)
    // As it is stored, for the archive: what is sealed stays sealed there.
    const sealed = context.get<EventStore>(tokens.sealedEventStore)
    const connection = context.get<Connection>(tokens.connection)
    const checks = {
      encryption: () => database.vault.check(),
      database: () => database.check(),
      broker: () => connection.check(),
      event_store: () => store.check(),
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
        privacy: { store: sealed, masterKeys: settings.encryption && masterKeysOf(settings.encryption) },
        archive,
        broadcast: createBroadcast({
          db: database.db,
          publisher: context.get(tokens.publisher),
          log,
        }),
        events: {
          store,
          positionBefore: (at) => positionBefore(database.db, at),
          feed: createFeed({ store, log }),
        },
        stats: createStats({
          db: database.db,
          store,
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
        asPart('event store', store),
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
                store: sealed,
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
