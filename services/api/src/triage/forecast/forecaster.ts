import {
  anyStandingOf,
  commandQueue,
  decoded,
  familyQueue,
  notifierQueue,
  notifierReplayQueue,
  projectorQueueNumber,
  queueOfName,
  readProven,
  receivedFamilies,
  sagaQueue,
  type AnyRecorded,
  type Configuration,
  type Proofs,
  type ReadPlace,
} from '@journey/contracts'
import { Journey, UnitOfWork } from '@journey/domain'
import { createRepository, createSnapshots, type Aggregate, type EventStore } from '@journey/event-store'
import { createGather, readEvent, type Channel } from '@journey/handlers'
import type { Message } from '@journey/messaging'
import { knownProofs, liveAgents, type Database, type Retry } from '@journey/read-model'
import { silentLog } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'
import { publicationOf } from '../publication.js'
import { createForeseeCommand } from './commands.js'
import { foreseeNotifications, foreseeRecording, type ReadHeard } from './events.js'
import { foreseenBy, isInTheWay, type Foreseen } from './forecast.js'
import { foreseeReaction } from './reaction.js'
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
  const look: ReadPlace = (stream, range) => store.read(stream, range)
  const proofs = async (): Promise<Pick<Proofs, 'hold'>> => (await knownProofs(db)) ?? { hold: () => false }
  const read: ReadHeard = async (message) => readProven(await proofs(), look, message)
  const readAny: ReadHeard<AnyRecorded> = async (message) => {
    const event = readEvent(message.body)
    return (await proofs()).hold(message) ? event : anyStandingOf(look, event)
  }
  const alive = () => liveAgents(db, aliveWithinMs)
  const familyQueues: readonly string[] = receivedFamilies.map(familyQueue)

  const foresee = async (message: Message): Promise<Foreseen> => {
    const { queue } = message
    if (queue === commandQueue) return foreseeCommand(message)
    if (queue === sagaQueue) return foreseeReaction({ db, gather, read, liveAgents: alive }, message)
    if (queue === notifierQueue || queue === notifierReplayQueue)
      return foreseeNotifications({ db, channels, read }, message, queue === notifierReplayQueue)
    if (familyQueues.includes(queue)) return foreseeRecording({ db, store }, message)
    if (projectorQueueNumber(queue) !== undefined) return foreseeApplying({ db, store, read: readAny }, message)
    if (queueOfName(queue)) return foreseeTask({ works: worksOf(), liveAgents: alive }, message)
    return {
      outcome: 'unknown',
      says: `It would be published to ${queue} again; what its consumer makes of it nobody here knows`,
    }
  }

  return {
    message: (retry) => persistently(() => foresee(asDelivered(retry))),
    stream: (stream) => persistently(() => foreseeStream({ db, store }, stream)),
  }
}

/** Whoever works in earnest on the same rows is mostly done in a moment. */
const mostTries = 3
const pauseMs = 100

const persistently = async (work: () => Promise<Foreseen>): Promise<Foreseen> => {
  for (let tries = 1; ; tries++)
    try {
      return await work()
    } catch (error) {
      if (tries === mostTries || !isInTheWay(error)) return foreseenBy(error)
      await sleep(tries * pauseMs)
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
