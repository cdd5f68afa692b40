import 'reflect-metadata'
import { randomBytes } from 'node:crypto'
import { Container } from 'inversify'
import type { Registry } from 'prom-client'
import {
  applyLogLevel,
  logLevelOf,
  commandQueue,
  familyQueue,
  loadConfiguration,
  ownedBy,
  receivedFamilies,
  retrySteps,
  topologyFor,
  type Configuration,
  sealOf,
} from '@journey/contracts'
import { createEventStore, sealedStore, type EventStore } from '@journey/event-store'
import { createDeciders, createHandleCommand, createRecordReceived } from '@journey/handlers'
import {
  closeRetried,
  correlate,
  createBreaker,
  createBrokerTeller,
  createBusMeters,
  createConnection,
  createControl,
  createConsumer,
  createDeadLetterDrain,
  createPublisher,
  observe,
  pipeline,
  settle as settleFate,
  stopPoison,
  type BusMeters,
  type Connection,
  type Publisher,
} from '@journey/messaging'
import {
  begunIn,
  claimReceivedId,
  createDatabase,
  createKeepDeadLetter,
  noteHeartbeat,
  noteReceived,
  purge,
  reportFigures,
  resolveRetried,
  standingOrder,
  type Database,
} from '@journey/read-model'
import {
  asPart,
  createLog,
  createFigures,
  createRegistry,
  healthServer,
  inOrder,
  type Environment,
  type Log,
  type Part,
} from '@journey/runtime'
import { createReply } from './answers.js'
import { createCommandConsumer } from './command-consumer.js'
import { createKeepCommand } from './dead-letters.js'
import { createCommandMeters } from './meters.js'
import { createOutcomes } from './outcomes.js'
import { createPurge } from './purge.js'
import type { Settings } from './settings.js'

const service = 'command-handler'

const tokens = {
  log: Symbol.for('log'),
  registry: Symbol.for('registry'),
  meters: Symbol.for('bus meters'),
  configuration: Symbol.for('configuration'),
  database: Symbol.for('database'),
  eventStore: Symbol.for('event store'),
  connection: Symbol.for('connection'),
  publisher: Symbol.for('publisher'),
  service: Symbol.for('service'),
}

/** Builds the service from its settings; the one place that knows what is made of what. */
export const build = (settings: Readonly<Settings>, env: Environment): { service: Part; log: Log } => {
  const container = new Container({ defaultScope: 'Singleton' })
  const now = () => new Date()

  container
    .bind<Log>(tokens.log)
    .toDynamicValue(() => createLog({ service, level: logLevelOf(service, settings).level }))
  container.bind<Registry>(tokens.registry).toDynamicValue(() => createRegistry(service))
  container.bind<BusMeters>(tokens.meters).toDynamicValue((context) => createBusMeters(context.get(tokens.registry)))
  container.bind<Configuration>(tokens.configuration).toDynamicValue(() => loadConfiguration(settings.configDir, env))
  container.bind<Database>(tokens.database).toDynamicValue((context) =>
    createDatabase({
      url: settings.databaseUrl,
      encryption: settings.encryption,
      name: service,
      log: context.get(tokens.log),
    }),
  )
  container.bind<EventStore>(tokens.eventStore).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const store = createEventStore({ url: settings.eventStoreUrl, log })
    return sealedStore(store, sealOf(context.get<Database>(tokens.database).vault, log))
  })
  const brokerOf = createBrokerTeller({
    amqpUrl: settings.amqpUrl,
    managementUrl: settings.amqpManagementUrl,
    clustered: settings.amqpClustered,
  })
  container.bind<Connection>(tokens.connection).toDynamicValue((context) =>
    createConnection({
      url: settings.amqpUrl,
      name: service,
      log: context.get(tokens.log),
      topology: async (server) => ownedBy(service, topologyFor(await brokerOf(server))),
    }),
  )
  container
    .bind<Publisher>(tokens.publisher)
    .toDynamicValue((context) =>
      createPublisher({ connection: context.get(tokens.connection), meters: context.get(tokens.meters) }),
    )

  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const registry = context.get<Registry>(tokens.registry)
    const busMeters = context.get<BusMeters>(tokens.meters)
    const { policy, orchestrator } = context.get<Configuration>(tokens.configuration)
    const database = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
    const connection = context.get<Connection>(tokens.connection)
    const publisher = context.get<Publisher>(tokens.publisher)
    const meters = createCommandMeters(registry)
    const { db } = database

    const deciders = createDeciders({
      store,
      policy,
      capacity: settings.aggregateCache,
      maxWeight: settings.aggregateCacheMiB * 1024 * 1024,
      snapshotEvery: settings.snapshotEvery,
      countSnapshot: (aggregate, outcome) => meters.snapshots.inc({ aggregate, outcome }),
      now,
      log,
    })
    const handle = createHandleCommand({
      deciders,
      outcomes: createOutcomes(db, {
        most: settings.prefetch,
        claimedBy: `${service}-${process.pid}-${randomBytes(4).toString('hex')}`, // every container has a process 1
      }),
      noteHeartbeat: (agentId, activeTasks) => noteHeartbeat(db, agentId, activeTasks),
    })
    const reply = createReply(publisher)
    const probe = async () => {
      await Promise.all([database.check(), store.check(), connection.check()])
    }
    const commands = createConsumer({
      connection,
      queue: commandQueue,
      prefetch: settings.prefetch,
      log,
      meters: busMeters,
      handler: pipeline(
        observe(busMeters),
        correlate(log),
        closeRetried((retried) => resolveRetried(db, [retried], service)),
        settleFate({
          publisher,
          service,
          steps: retrySteps,
          meters: busMeters,
          breaker: createBreaker({ name: commandQueue, probe, log, meters: busMeters }),
        }),
        stopPoison(begunIn(db)),
        createCommandConsumer({ handle, reply, meters }),
      ),
    })
    const ids = {
      claim: (event: { id: string; digest: string; stream: string }) => claimReceivedId(db, event),
      note: (id: string, revision: number) => noteReceived(db, id, revision),
    }
    const recorders = receivedFamilies.map((family) =>
      createConsumer({
        connection,
        queue: familyQueue(family),
        prefetch: settings.prefetch,
        log,
        meters: busMeters,
        handler: pipeline(
          observe(busMeters),
          correlate(log),
          closeRetried((retried) => resolveRetried(db, [retried], service)),
          settleFate({
            publisher,
            service,
            steps: retrySteps,
            meters: busMeters,
            breaker: createBreaker({ name: familyQueue(family), probe, log, meters: busMeters }),
          }),
          stopPoison(begunIn(db)),
          createRecordReceived({ store, ids, family }),
        ),
      }),
    )
    const keep = createKeepDeadLetter(db)
    const drain = createDeadLetterDrain({
      connection,
      keep: createKeepCommand({ keep, reply }),
      now,
      meters: busMeters,
      log,
    })
    const drainEvents = createDeadLetterDrain({
      connection,
      keep: (letter) => keep(letter),
      now,
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
        reportFigures({ db, service, read: createFigures(registry), log }),
        asPart('event store', store),
        connection,
        control,
        createPurge({ db, purge, hours: settings.commandRetentionHours, log }),
        drain(commandQueue),
        ...receivedFamilies.map((family) => drainEvents(familyQueue(family))),
        commands,
        ...recorders,
      ],
      log,
    )
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
