import 'reflect-metadata'
import { Container } from 'inversify'
import type { Registry } from 'prom-client'
import {
  applyLogLevel,
  logLevelOf,
  loadConfiguration,
  notifierQueue,
  notifierReplayQueue,
  ownedBy,
  readProven,
  sealOf,
  topologyFor,
  type Configuration,
} from '@journey/contracts'
import { createEventStore, sealedStore, type EventStore } from '@journey/event-store'
import { createNotifier, crmChannel, type Channel } from '@journey/handlers'
import { createWebhookClient, type WebhookClient } from '@journey/integrations'
import {
  closeRetried,
  correlate,
  createBreaker,
  createBusMeters,
  createConnection,
  createControl,
  createConsumer,
  createDeadLetterDrain,
  createPublisher,
  observe,
  pipeline,
  settle,
  stopPoison,
  type BusMeters,
  type Connection,
} from '@journey/messaging'
import {
  attemptNextDelivery,
  begunIn,
  createDatabase,
  createKeepDeadLetter,
  hearDeliveries,
  relayProofs,
  reportFigures,
  resolveRetried,
  standingOrder,
  storeDelivery,
  type Database,
  noteEventGap,
} from '@journey/read-model'
import {
  asPart,
  createLog,
  createFigures,
  createRegistry,
  healthServer,
  inOrder,
  inTheBackground,
  type Environment,
  type Log,
  type Part,
} from '@journey/runtime'
import { createCourier } from './courier.js'
import { createDeliver } from './delivery.js'
import { createDeliveryMeters, type DeliveryMeters } from './meters.js'
import type { Settings } from './settings.js'

const service = 'notifier'

const tokens = {
  log: Symbol.for('log'),
  registry: Symbol.for('registry'),
  busMeters: Symbol.for('bus meters'),
  meters: Symbol.for('delivery meters'),
  configuration: Symbol.for('configuration'),
  database: Symbol.for('database'),
  eventStore: Symbol.for('event store'),
  connection: Symbol.for('connection'),
  crm: Symbol.for('crm channel'),
  crmClient: Symbol.for('crm webhook client'),
  service: Symbol.for('service'),
}

type Courier = ReturnType<typeof createCourier>

/** Builds the service from its settings; the one place that knows what is made of what. */
export const build = (settings: Readonly<Settings>, env: Environment): { service: Part; log: Log } => {
  const container = new Container({ defaultScope: 'Singleton' })

  container
    .bind<Log>(tokens.log)
    .toDynamicValue(() => createLog({ service, level: logLevelOf(service, settings).level }))
  container.bind<Registry>(tokens.registry).toDynamicValue(() => createRegistry(service))
  container.bind<BusMeters>(tokens.busMeters).toDynamicValue((context) => createBusMeters(context.get(tokens.registry)))
  container.bind<DeliveryMeters>(tokens.meters).toDynamicValue((context) => {
    const crm = context.get<WebhookClient | undefined>(tokens.crmClient)
    return createDeliveryMeters(context.get(tokens.registry), crm ? { crm: () => crm.circuit } : {})
  })
  container.bind<Configuration>(tokens.configuration).toDynamicValue(() => loadConfiguration(settings.configDir, env))
  container.bind<Database>(tokens.database).toDynamicValue((context) =>
    createDatabase({
      url: settings.databaseUrl,
      encryption: settings.encryption,
      name: service,
      poolSize: settings.crmWebhookConcurrency + 4, // each delivery under way holds one
      log: context.get(tokens.log),
    }),
  )
  container.bind<EventStore>(tokens.eventStore).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const store = createEventStore({ url: settings.eventStoreUrl, log })
    return sealedStore(store, sealOf(context.get<Database>(tokens.database).vault, log))
  })
  container.bind<Connection>(tokens.connection).toDynamicValue((context) =>
    createConnection({
      url: settings.amqpUrl,
      name: service,
      log: context.get(tokens.log),
      topology: ({ version }) => ownedBy(service, topologyFor({ version })),
    }),
  )
  container
    .bind<Channel>(tokens.crm)
    .toDynamicValue(() => crmChannel({ url: settings.crmWebhookUrl, isEnabled: settings.isCrmWebhookEnabled }))
  container.bind<WebhookClient | undefined>(tokens.crmClient).toDynamicValue((context) => {
    if (!settings.isCrmWebhookEnabled) return undefined
    const { circuit_breaker } = context.get<Configuration>(tokens.configuration).orchestrator
    return createWebhookClient({
      url: settings.crmWebhookUrl,
      secret: settings.crmWebhookSecret,
      timeoutMs: settings.crmWebhookTimeoutMs,
      log: context.get(tokens.log),
      ...(circuit_breaker.enabled && {
        breaker: {
          failures: circuit_breaker.failure_threshold,
          openMs: circuit_breaker.timeout_seconds * 1000,
          probes: circuit_breaker.half_open_max_requests,
        },
      }),
    })
  })

  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const registry = context.get<Registry>(tokens.registry)
    const busMeters = context.get<BusMeters>(tokens.busMeters)
    const meters = context.get<DeliveryMeters>(tokens.meters)
    const { orchestrator } = context.get<Configuration>(tokens.configuration)
    const database = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
    const connection = context.get<Connection>(tokens.connection)
    const crm = context.get<Channel>(tokens.crm)
    const client = context.get<WebhookClient | undefined>(tokens.crmClient)
    const { db } = database

    const probe = async () => {
      await Promise.all([database.check(), store.check(), connection.check()])
    }
    const courierOf = (channel: Channel, client: WebhookClient): Courier => {
      const deliver = createDeliver({
        channel: channel.name,
        send: (webhook) => client.send(webhook),
        schedule: { attempts: settings.crmWebhookAttempts, firstPauseMs: settings.crmWebhookRetryDelayMs },
        meters,
        log,
        now: () => new Date(),
      })
      return createCourier({
        concurrency: settings.crmWebhookConcurrency,
        log,
        attemptNext: (claimed) =>
          attemptNextDelivery(db, channel.name, channel.target, (delivery) => {
            claimed()
            return deliver(delivery)
          }),
      })
    }
    const courier = client && courierOf(crm, client)
    const hearOthers = (courier: Courier): Part =>
      inTheBackground('hearing of deliveries', (signal) =>
        hearDeliveries({
          url: settings.databaseUrl,
          name: `${service} listener`,
          heard: () => courier.ring(),
          log,
          signal,
        }),
      )
    const proofs = relayProofs(db)
    const hear = (queue: string, isReplay: boolean): Part =>
      createConsumer({
        connection,
        queue,
        queueLost: () => noteEventGap(db),
        prefetch: settings.prefetch,
        log,
        meters: busMeters,
        handler: pipeline(
          observe(busMeters),
          correlate(log),
          closeRetried((retried) => resolveRetried(db, [retried], service)),
          settle({
            publisher: createPublisher({ connection, meters: busMeters }),
            breaker: createBreaker({ name: queue, probe, log, meters: busMeters }),
            service,
            meters: busMeters,
          }),
          stopPoison(begunIn(db)),
          createNotifier({
            read: async (message) => readProven(await proofs(), (stream, range) => store.read(stream, range), message),
            channels: [crm],
            store: (delivery) => storeDelivery(db, delivery),
            stored: (channel) => {
              if (channel.isEnabled) courier?.ring()
              else meters.deliveries.inc({ channel: channel.name, outcome: 'disabled' })
            },
            isReplay,
          }),
        ),
      })
    const drain = createDeadLetterDrain({
      connection,
      keep: createKeepDeadLetter(db),
      now: () => new Date(),
      meters: busMeters,
      log,
    })
    const control = createControl({
      connection,
      service,
      standing: () => standingOrder(db, service),
      reload: (level) => applyLogLevel(log, service, settings, level),
      meters: busMeters,
      log,
    })
    const health = healthServer({
      host: settings.healthHost,
      port: settings.healthPort,
      registry,
      info: { service, version: orchestrator.version },
      checks: {
        encryption: () => database.vault.check(),
        database: () => database.check(),
        event_store: () => store.check(),
        broker: () => connection.check(),
        consumers: () => control.check(),
      },
    })
    return inOrder(
      service,
      [
        health,
        asPart('database', database),
        asPart('event store', store),
        reportFigures({ db, service, read: createFigures(registry), log }),
        ...(client && courier ? [asPart('crm webhook client', client), courier, hearOthers(courier)] : []),
        connection,
        control,
        drain(notifierQueue),
        drain(notifierReplayQueue),
        hear(notifierQueue, false),
        hear(notifierReplayQueue, true),
      ],
      log,
    )
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
