import type { Registry } from 'prom-client'
import { ownedBy, anyStandingOf, topologyFor } from '@journey/contracts'
import type { EventStore } from '@journey/event-store'
import { common, createServiceContainer, drainOf, frame } from '@journey/frame'
import {
  createBatchConsumer,
  deadLetter,
  RejectDelivery,
  retriedOf,
  retryMark,
  type BusMeters,
  type Connection,
  type DeadLetterCause,
  type Message,
  type Publisher,
} from '@journey/messaging'
import {
  activeByStage,
  applySlice,
  createDatabase,
  deathsOf,
  forgetBegun,
  holdingPartitions,
  lead,
  noteBegun,
  parkedStreams,
  parkUntried,
  partitionsOf,
  passRates,
  readModelConsumer,
  relayProofs,
  resolveRetried,
  runReplays,
  takeBackBegun,
  type Consumer,
  type Database,
  type ReplayRow,
  type ReplayWork,
  type Step,
  noteEventGap,
} from '@journey/read-model'
import { inOrder, inTheBackground, type Log, type Part } from '@journey/runtime'
import { createProjectorMeters } from './meters.js'
import { createProjector } from './projector.js'
import { createQueues } from './queues.js'
import { createRebuild } from './rebuild.js'
import { createReprocess } from './reprocess.js'
import type { Settings } from './settings.js'
import { createApply } from './suspects.js'

const service = 'projector'

const tokens = { ...common, consumer: Symbol.for('consumer') }

/** Builds the service from its settings; the one place that knows what is made of what. */
export const build = (settings: Readonly<Settings>): { service: Part; log: Log } => {
  const now = () => new Date()
  const container = createServiceContainer({
    service,
    settings,
    poolSize: 22, // a transaction per queue of sixteen, and room for the gauges, the dead letters and replays
    declare: (context) => {
      const { db } = context.get<Database>(tokens.database)
      return {
        topology: async ({ version }) => {
          const { count } = await partitionsOf(db, settings.queues)
          return ownedBy(service, topologyFor({ version }, { projectorQueues: count }))
        },
        whileDeclaring: (declare) => holdingPartitions(db, settings.queues, declare),
      }
    },
  })
  container
    .bind<Consumer<Step>>(tokens.consumer)
    .toDynamicValue((context) =>
      readModelConsumer(context.get<Database>(tokens.database).db, context.get<EventStore>(tokens.eventStore)),
    )

  container.bind<Part>(tokens.service).toDynamicValue((context) => {
    const log = context.get<Log>(tokens.log)
    const registry = context.get<Registry>(tokens.registry)
    const busMeters = context.get<BusMeters>(tokens.meters)
    const database = context.get<Database>(tokens.database)
    const store = context.get<EventStore>(tokens.eventStore)
    const connection = context.get<Connection>(tokens.connection)
    const publisher = context.get<Publisher>(tokens.publisher)
    const consumer = context.get<Consumer<Step>>(tokens.consumer)
    const { db } = database

    const meters = createProjectorMeters(
      registry,
      {
        activeByStage: () => activeByStage(db),
        passRates: () => passRates(db),
        parked: async () =>
          (await parkedStreams(db, service)).filter(({ discarded_at }) => discarded_at === null).length,
      },
      log,
    )
    const handle = createProjector({
      apply: createApply({
        apply: (batch) => applySlice(consumer, batch),
        park: (stream, events, why) => parkUntried(consumer, stream, events, why),
        begun: {
          deaths: (streams) => deathsOf(db, service, streams),
          note: (streams) => noteBegun(db, service, streams),
          takeBack: (streams) => takeBackBegun(db, service, streams),
          forget: (streams) => forgetBegun(db, service, streams),
        },
      }),
      proofs: relayProofs(db),
      standing: (claimed) => anyStandingOf((stream, range) => store.read(stream, range), claimed),
      deadLetter: (message, cause) => deadLetterSomehow(publisher, message, cause),
      resolved: (retried) => resolveRetried(db, retried, service),
      meters,
      service,
      now,
      log,
    })
    const consumerOf = (queue: string): Part =>
      createBatchConsumer({
        connection,
        queue,
        queueLost: () => noteEventGap(db),
        prefetch: 2 * settings.maxBatch,
        maxBatch: settings.maxBatch,
        lingerMs: settings.lingerMs,
        handle,
        until: async () => {
          await Promise.all([database.check(), store.check()])
        },
        log,
        meters: busMeters,
      })
    const drain = drainOf(context)
    const queues = createQueues({
      partitions: () => partitionsOf(db, settings.queues),
      open: (queue) => inOrder(queue, [drain(queue), consumerOf(queue)]),
      log,
    })
    const rebuild = createRebuild({
      db,
      store,
      consumer,
      openGeneration: (schema) =>
        // What a crash of PostgreSQL takes from it is applied again: the position is written down after it, durably.
        createDatabase({
          url: settings.databaseUrl,
          encryption: settings.encryption,
          name: `${service} rebuild`,
          log,
          schema,
          isCommitDurable: false,
        }),
      log,
    })
    const reprocess = createReprocess({ db, store, consumer, log })
    const workOf = ({ mode }: ReplayRow): ReplayWork => (mode === 'rebuild' ? rebuild : reprocess)
    const work: ReplayWork = {
      run: (job) => workOf(job.replay).run(job),
      discard: (replay) => workOf(replay).discard(replay),
    }
    const replays = inTheBackground('replays', (signal) =>
      lead({
        db,
        name: `${service} replays`,
        log,
        signal,
        work: (signal) => runReplays({ db, consumers: { only: service }, work, log, signal }),
      }),
    )
    return frame(context, { parts: [queues, replays], reloaded: () => queues.look() })
  })

  return { service: container.get(tokens.service), log: container.get(tokens.log) }
}

/** One message of a batch cannot be rejected alone: one whose headers fit no frame any more goes without them. */
const deadLetterSomehow = async (publisher: Publisher, message: Message, cause: DeadLetterCause): Promise<void> => {
  try {
    await deadLetter(publisher, message, cause)
  } catch (error) {
    if (!(error instanceof RejectDelivery)) throw error
    const mark = retriedOf(message.properties.headers)
    const headers = mark ? retryMark(mark) : {}
    await deadLetter(publisher, { ...message, properties: { ...message.properties, headers } }, cause)
  }
}
