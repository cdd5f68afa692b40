import type { Registry } from 'prom-client'
import { eventQueuesOf, exchanges, selectionOf, topologyFor } from '@journey/contracts'
import { backlogAfter, type EventStore } from '@journey/event-store'
import { common, createServiceContainer, frame } from '@journey/frame'
import {
  bindQueue,
  createManagement,
  createOrderedPublisher,
  unbindQueue,
  type BusMeters,
  type Connection,
} from '@journey/messaging'
import {
  closeEventGap,
  eventGap,
  holdingPartitions,
  lead,
  loadCheckpoint,
  noteEventGap,
  notePosition,
  partitionsOf,
  positionBefore,
  relayProofs,
  runReplays,
  saveCheckpoint,
  wholeUpTo,
  type Database,
} from '@journey/read-model'
import { inTheBackground, type Log, type Part } from '@journey/runtime'
import { createHearing, missingBindings, type Hearing, type HearingPlaces } from './hearing.js'
import { createRelayMeters, tellRelayLag, type RelayMeters } from './meters.js'
import { createRedelivery, redeliveryWindow } from './redelivery.js'
import { createRelay } from './relay.js'
import type { Settings } from './settings.js'

const service = 'event-relay'

const tokens = {
  ...common,
  relayMeters: Symbol.for('relay meters'),
  places: Symbol.for('places of the hearing'),
  hearing: Symbol.for('hearing'),
}

/** Builds the service from its settings; the one place that knows what is made of what. */
export const build = (settings: Readonly<Settings>): { service: Part; log: Log } => {
  const container = createServiceContainer({
    service,
    settings,
    poolSize: 6,
    declare: (context) => {
      const { db } = context.get<Database>(tokens.database)
      return {
        topology: async ({ version }) => {
          await context.get<Hearing>(tokens.hearing).beforeDeclaring()
          const { count } = await partitionsOf(db, settings.projectorQueues)
          const whole = topologyFor({ version }, { projectorQueues: count })
          return { exchanges: whole.exchanges, queues: eventQueuesOf(whole) }
        },
        whileDeclaring: (declare) => holdingPartitions(db, settings.projectorQueues, declare),
      }
    },
  })
  container
    .bind<RelayMeters>(tokens.relayMeters)
    .toDynamicValue((context) => createRelayMeters(context.get(tokens.registry)))
  container.bind<HearingPlaces>(tokens.places).toDynamicValue((context) => {
    const { db } = context.get<Database>(tokens.database)
    return {
      wholeUpTo: () => loadCheckpoint(db, wholeUpTo),
      saveWholeUpTo: (position) => saveCheckpoint(db, wholeUpTo, position),
      gap: () => eventGap(db),
      noteGap: (from) => noteEventGap(db, from),
      closeGap: (gap) => closeEventGap(db, gap),
    }
  })
  container.bind<Hearing>(tokens.hearing).toDynamicValue((context) => {
    const { db } = context.get<Database>(tokens.database)
    const { amqpManagementUrl: url, amqpUrl } = settings
    const management = url === undefined ? undefined : createManagement({ url, amqpUrl })
    return createHearing({
      // While the partitions are held, no binding is taken away that the table still has. The version matters to no binding.
      missing: async () =>
        management &&
        holdingPartitions(db, settings.projectorQueues, async ({ count }) =>
          missingBindings(
            eventQueuesOf(topologyFor({ version: '3.10.0' }, { projectorQueues: count })),
            await management.bindings(),
          ),
        ),
      places: context.get(tokens.places),
      declareAgain: () => context.get<Connection>(tokens.connection).declareAgain(),
      told: (missing) => context.get<RelayMeters>(tokens.relayMeters).missingBindings.set(missing),
      log: context.get(tokens.log),
      everyMs: settings.bindingsMs,
    })
  })
  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const registry = context.get<Registry>(tokens.registry)
    const database = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
    const connection = context.get<Connection>(tokens.connection)
    const meters = context.get<BusMeters>(tokens.meters)
    const { db } = database
    const hearing = context.get<Hearing>(tokens.hearing)
    const proofs = relayProofs(db)
    let isLeading = false
    const backlog = async () =>
      isLeading
        ? backlogAfter(store, (await loadCheckpoint(db, service)) ?? 'start', { isMeant: selectionOf({}), most: 1_000 })
        : undefined
    tellRelayLag(registry, backlog, log)
    const relay = createRelay({
      store,
      log,
      meters: context.get(tokens.relayMeters),
      hearing,
      places: context.get(tokens.places),
      proofs,
      openPublisher: (confirmed) => createOrderedPublisher({ connection, meters, window: settings.window, confirmed }),
      checkpoint: {
        load: () => loadCheckpoint(db, service),
        save: (position) => saveCheckpoint(db, service, position),
        note: (position, at) => notePosition(db, position, at),
      },
      lead: (signal, work) =>
        lead({
          db,
          name: service,
          log,
          signal,
          work: async (leading) => {
            isLeading = true
            await work(leading).finally(() => (isLeading = false))
          },
        }),
    })
    const redelivery = createRedelivery({
      store,
      positionBefore: (at) => positionBefore(db, at),
      proofs,
      openPublisher: (confirmed, isCareful) =>
        createOrderedPublisher({
          connection,
          meters,
          window: isCareful ? 1 : Math.min(settings.window, redeliveryWindow),
          confirmed,
        }),
      binding: {
        bind: (queue, key) => bindQueue(connection, queue, exchanges.replay.name, key),
        unbind: (queue, key) => unbindQueue(connection, queue, exchanges.replay.name, key),
      },
    })
    const replays = inTheBackground('replays', (signal) =>
      lead({
        db,
        name: 'redelivery',
        log,
        signal,
        work: (signal) => runReplays({ db, consumers: { except: 'projector' }, work: redelivery, log, signal }),
      }),
    )
    return frame(context, {
      parts: [relay, replays],
      checks: { bindings: () => hearing.check() },
      isPausable: false,
    })
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}
