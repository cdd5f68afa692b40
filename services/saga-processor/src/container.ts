import 'reflect-metadata'
import { Container } from 'inversify'
import type { Registry } from 'prom-client'
import { Journey, UnitOfWork, intentsOf } from '@journey/domain'
import {
  applyLogLevel,
  logLevelOf,
  decoded,
  loadConfiguration,
  ownedBy,
  readProven,
  retrySteps,
  sagaQueue,
  topologyFor,
  type Configuration,
  sealOf,
} from '@journey/contracts'
import {
  createEventStore,
  createRepository,
  createSnapshots,
  sealedStore,
  type Aggregate,
  type EventStore,
} from '@journey/event-store'
import { createDirectory, createGather, createStageProcess } from '@journey/handlers'
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
  type Publisher,
} from '@journey/messaging'
import {
  admissionCounts,
  admitWaiting,
  begunIn,
  createDatabase,
  createKeepDeadLetter,
  fireDue,
  liveAgents,
  overdueByStage,
  registeredAgents,
  relayProofs,
  reportFigures,
  resolveRetried,
  standingOrder,
  waitingDispatches,
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
  type Environment,
  type Log,
  type Part,
} from '@journey/runtime'
import { createDispatcher } from './dispatcher.js'
import { createSend, service } from './envelope.js'
import { createKeep } from './keep.js'
import { createLoop } from './loop.js'
import { createSagaMeters } from './meters.js'
import { createTaskQueues } from './queues.js'
import type { Settings } from './settings.js'

/** How many streams of each kind stay folded in memory. */
const capacity = 2_000
const firedAtOnce = 100
const lookEveryMs = 1_000
/** An agent that was silent for this many intervals counts as away. */
const intervals = 3

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
  container.bind<Connection>(tokens.connection).toDynamicValue((context) =>
    createConnection({
      url: settings.amqpUrl,
      name: service,
      log: context.get(tokens.log),
      topology: ({ version }) => ownedBy(service, topologyFor({ version })),
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
    const configuration = context.get<Configuration>(tokens.configuration)
    const database = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
    const connection = context.get<Connection>(tokens.connection)
    const publisher = context.get<Publisher>(tokens.publisher)
    const { db } = database

    const meters = createSagaMeters(
      registry,
      async () => ({
        ...(await admissionCounts(db)),
        dispatches: await waitingDispatches(db),
        overdue: await overdueByStage(db, configuration.catalog.stages),
      }),
      log,
    )
    const send = createSend(publisher, now)
    const drain = createDeadLetterDrain({
      connection,
      keep: createKeepDeadLetter(db),
      now,
      meters: busMeters,
      log,
    })
    const queues = createTaskQueues({ connection, drain, log })
    /** Reads the snapshots that the command-handler writes. */
    const repositoryOf = <State, Event>(fold: Aggregate<State, Event>, schema: string) => {
      const snapshots = createSnapshots({ store, fold, schema, log })
      return createRepository({ store, fold, capacity, snapshots, log })
    }
    const gather = createGather({
      journeys: repositoryOf(decoded<Journey.State, Journey.Event>(Journey), Journey.stateSchema),
      works: repositoryOf(decoded<UnitOfWork.State, UnitOfWork.Event>(UnitOfWork), UnitOfWork.stateSchema),
      configuration,
    })
    const directory = createDirectory({ load: () => liveAgents(db, intervals * configuration.heartbeat_ms), now })
    const dispatcher = createDispatcher({
      db,
      publisher,
      directory,
      prepare: (route) => queues.prepare('intent' in route ? { intents: [route.intent] } : { agents: [route.agentId] }),
      now,
      meters,
      log,
    })
    const admissions = createLoop({
      name: 'admissions',
      everyMs: lookEveryMs,
      log,
      turn: async () => {
        const admitted = await admitWaiting(db, configuration.orchestrator.max_concurrent_journeys, send)
        meters.admitted.inc(admitted)
        return admitted > 0 ? 'again' : undefined
      },
    })
    const timers = createLoop({
      name: 'timers',
      everyMs: lookEveryMs,
      log,
      turn: async () => {
        const { fired, nextAt } = await fireDue(db, firedAtOnce, async ({ kind, command }) => {
          await send(command)
          meters.fired.inc({ kind })
        })
        return fired === firedAtOnce ? 'again' : nextAt === undefined ? undefined : new Date(nextAt)
      },
    })
    const declareKnown: Part = {
      name: 'task queues',
      start: async () => {
        const agents = await registeredAgents(db)
        await queues.prepare({
          intents: [...intentsOf(configuration.catalog), ...agents.flatMap(({ intents }) => intents)],
          agents: agents.map(({ agentId }) => agentId),
        })
      },
      stop: () => Promise.resolve(),
    }
    const proofs = relayProofs(db)
    const events = createConsumer({
      connection,
      queue: sagaQueue,
      queueLost: () => noteEventGap(db),
      prefetch: settings.prefetch,
      log,
      meters: busMeters,
      handler: pipeline(
        observe(busMeters),
        correlate(log),
        closeRetried((retried) => resolveRetried(db, [retried], service)),
        settle({
          publisher,
          service,
          steps: retrySteps,
          meters: busMeters,
          breaker: createBreaker({
            name: sagaQueue,
            log,
            meters: busMeters,
            probe: async () => {
              await Promise.all([database.check(), store.check(), connection.check()])
            },
          }),
        }),
        stopPoison(begunIn(db)),
        createStageProcess({
          read: async (message) => readProven(await proofs(), (stream, range) => store.read(stream, range), message),
          gather,
          send,
          keep: createKeep(db, settings.prefetch),
          wake: ({ admissions: asked, rooms, dispatches, timers: set }) => {
            if (asked.length + rooms.length > 0) admissions.wake()
            if (dispatches.length > 0) dispatcher.wake()
            if (set.length > 0) timers.wake()
          },
          agentChanged: async ({ event }) => {
            if (event.type !== 'AgentCreated' && event.type !== 'AgentUpdated') return
            await queues.prepare({ intents: event.data.intents, agents: [event.data.agent_id] })
            dispatcher.wake()
          },
        }),
      ),
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
      info: { service, version: configuration.orchestrator.version },
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
        declareKnown,
        dispatcher,
        admissions,
        timers,
        drain(sagaQueue),
        events,
      ],
      log,
    )
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
