import type { Registry } from 'prom-client'
import { Journey, UnitOfWork, intentsOf } from '@journey/domain'
import {
  decoded,
  loadConfiguration,
  ownedBy,
  readProven,
  sagaQueue,
  topologyFor,
  type Configuration,
} from '@journey/contracts'
import { createRepository, createSnapshots, type Aggregate, type EventStore } from '@journey/event-store'
import { common, createServiceContainer, drainOf, frame, guarded } from '@journey/frame'
import { createDirectory, createGather, createStageProcess } from '@journey/handlers'
import type { Connection, Publisher } from '@journey/messaging'
import {
  admissionCounts,
  admitWaiting,
  fireDue,
  liveAgents,
  overdueByStage,
  registeredAgents,
  relayProofs,
  waitingDispatches,
  type Database,
} from '@journey/read-model'
import type { Environment, Log, Part } from '@journey/runtime'
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

const tokens = { ...common, configuration: Symbol.for('configuration') }

/** Builds the service from its settings; the one place that knows what is made of what. */
export const build = (settings: Readonly<Settings>, env: Environment): { service: Part; log: Log } => {
  const now = () => new Date()
  const container = createServiceContainer({
    service,
    settings,
    declare: () => ({ topology: ({ version }) => ownedBy(service, topologyFor({ version })) }),
  })
  container.bind<Configuration>(tokens.configuration).toDynamicValue(() => loadConfiguration(settings.configDir, env))

  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const registry = context.get<Registry>(tokens.registry)
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
    const drain = drainOf(context)
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
    const events = guarded(context, {
      queue: sagaQueue,
      bringsEvents: true,
      handler: createStageProcess({
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
    })
    return frame(context, {
      version: configuration.orchestrator.version,
      parts: [declareKnown, dispatcher, admissions, timers, drain(sagaQueue), events],
    })
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
