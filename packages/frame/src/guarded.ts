import type { EventStore } from '@journey/event-store'
import {
  closeRetried,
  correlate,
  createBreaker,
  createConsumer,
  createDeadLetterDrain,
  observe,
  pipeline,
  settle,
  stopPoison,
  type BusMeters,
  type Connection,
  type DeadLetter,
  type DeadLetterDrain,
  type Handler,
  type Publisher,
} from '@journey/messaging'
import { begunIn, createKeepDeadLetter, noteEventGap, resolveRetried, type Database } from '@journey/read-model'
import type { Log, Part, ServerSettings } from '@journey/runtime'
import { common, type Context } from './container.js'

export type GuardedOptions = {
  queue: string
  handler: Handler
  /** Whether events come by it, which are read again when the queue is lost. */
  bringsEvents?: boolean
}

/**
 * Consumes a queue whose messages stand each for themselves, and lets none be lost: it waits while a server is away, tries again
 * what broke, and ends what cannot be handled, or has killed its handler again and again, as a dead letter.
 */
export const guarded = (context: Context, options: GuardedOptions): Part => {
  const { queue, handler, bringsEvents = false } = options
  const service = context.get<string>(common.name)
  const { prefetch } = context.get<Readonly<ServerSettings>>(common.settings)
  const log = context.get<Log>(common.log)
  const meters = context.get<BusMeters>(common.meters)
  const connection = context.get<Connection>(common.connection)
  const store = context.get<EventStore>(common.eventStore)
  const database = context.get<Database>(common.database)
  const { db } = database
  const probe = async () => {
    await Promise.all([database.check(), store.check(), connection.check()])
  }
  return createConsumer({
    connection,
    queue,
    prefetch,
    log,
    meters,
    ...(bringsEvents && { queueLost: () => noteEventGap(db) }),
    handler: pipeline(
      observe(meters),
      correlate(log),
      closeRetried((retried) => resolveRetried(db, [retried], service)),
      settle({
        publisher: context.get<Publisher>(common.publisher),
        service,
        meters,
        breaker: createBreaker({ name: queue, probe, log, meters }),
      }),
      stopPoison(begunIn(db)),
      handler,
    ),
  })
}

/**
 * Empties dead-letter queues into `dead_letters`.
 *
 * @param keep what is done with each, instead of keeping it alone
 */
export const drainOf = (
  context: Context,
  keep: (letter: DeadLetter) => Promise<void> = createKeepDeadLetter(context.get<Database>(common.database).db),
): DeadLetterDrain =>
  createDeadLetterDrain({
    connection: context.get<Connection>(common.connection),
    keep,
    now: () => new Date(),
    meters: context.get<BusMeters>(common.meters),
    log: context.get<Log>(common.log),
  })
