import {
  anyStandingOf,
  commandQueue,
  decoded,
  familyQueue,
  notifierQueue,
  notifierReplayQueue,
  projectorQueueNumber,
  queueOfName,
  receivedFamilies,
  sagaQueue,
  standingOf,
  type AnyRecorded,
  type Configuration,
  type ReadPlace,
} from '@journey/contracts'
import { Journey, UnitOfWork } from '@journey/domain'
import { createRepository, createSnapshots, type Aggregate, type EventStore } from '@journey/event-store'
import { createGather, readEvent, type Channel } from '@journey/handlers'
import type { Message } from '@journey/messaging'
import { liveAgents, type Database, type Retry } from '@journey/read-model'
import { silentLog } from '@journey/runtime'
import { publicationOf } from '../publication.js'
import { createForeseeCommand } from './commands.js'
import { foreseeNotifications, foreseeReaction, foreseeRecording, type ReadHeard } from './events.js'
import { foreseenBy, type Foreseen } from './forecast.js'
import { foreseeApplying, foreseeStream } from './streams.js'
import { foreseeTask } from './tasks.js'

/** Foresees what a retry would come to, without anything of it staying. @throws unavailable when a server is away */
export interface Forecaster {
  message(retry: Retry): Promise<Foreseen>
  stream(stream: string): Promise<Foreseen>
}

/**
 * Rehearses what the owner of each queue does with a message: the same handlers, over a transaction that is rolled back, an event store that
 * only notes what it would append, and no bus.
 *
 * @param store as its readers see it, nothing sealed
 * @param channels to the world outside; nothing is sent
 */
export const createForecaster = (options: {
  db: Database['db']
  store: EventStore
  configuration: Pick<Configuration, 'policy' | 'catalog' | 'auto_rollback' | 're_evaluation_ms'>
  channels: readonly Channel[]
  /** An agent that was heard of within this time is alive. */
  aliveWithinMs: number
  now: () => Date
}): Forecaster => {
  const { db, store, configuration, channels, aliveWithinMs, now } = options
  const log = silentLog()
  const { policy } = configuration
  /** Nothing is remembered from one forecast to the next. */
  const repositoryOf = <State, Event>(fold: Aggregate<State, Event>, schema: string) =>
    createRepository({ store, fold, capacity: 1, snapshots: createSnapshots({ store, fold, schema, log }), log })
  const worksOf = () => repositoryOf(decoded<UnitOfWork.State, UnitOfWork.Event>(UnitOfWork), UnitOfWork.stateSchema)
  const gather: ReturnType<typeof createGather> = (happening) =>
    createGather({
      journeys: repositoryOf(decoded<Journey.State, Journey.Event>(Journey), Journey.stateSchema),
      works: worksOf(),
      configuration,
    })(happening)
  const foreseeCommand = createForeseeCommand({ db, store, policy, now })
  // Whether it bears the relay's proof makes no difference to what a retry comes to, so none is asked for.
  const look: ReadPlace = (stream, range) => store.read(stream, range)
  const read: ReadHeard = ({ body }) => standingOf(look, readEvent(body))
  const readAny: ReadHeard<AnyRecorded> = ({ body }) => anyStandingOf(look, readEvent(body))
  const familyQueues: readonly string[] = receivedFamilies.map(familyQueue)

  const foresee = async (message: Message): Promise<Foreseen> => {
    const { queue } = message
    if (queue === commandQueue) return foreseeCommand(message)
    if (queue === sagaQueue) return foreseeReaction({ db, gather, read }, message)
    if (queue === notifierQueue || queue === notifierReplayQueue)
      return foreseeNotifications({ db, channels, read }, message, queue === notifierReplayQueue)
    if (familyQueues.includes(queue)) return foreseeRecording({ db, store }, message)
    if (projectorQueueNumber(queue) !== undefined) return foreseeApplying({ db, store, read: readAny }, message)
    if (queueOfName(queue))
      return foreseeTask({ works: worksOf(), liveAgents: () => liveAgents(db, aliveWithinMs) }, message)
    return {
      outcome: 'unknown',
      says: `It would be published to ${queue} again; what its consumer makes of it nobody here knows`,
    }
  }

  return {
    message: (retry) => foresee(asDelivered(retry)).catch(foreseenBy),
    stream: (stream) => foreseeStream({ db, store }, stream).catch(foreseenBy),
  }
}

/** A retry as its consumer would get it. */
const asDelivered = (retry: Retry): Message => {
  const { exchange, key, body, properties } = publicationOf(retry)
  return {
    body,
    exchange,
    routingKey: key,
    queue: retry.queue,
    receivedAt: performance.now(),
    redelivered: false,
    properties: { ...properties, headers: properties.headers ?? {} },
    signal: new AbortController().signal,
    log: silentLog(),
  }
}
