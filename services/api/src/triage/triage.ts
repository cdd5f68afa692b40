import { commandQueue, queueOfName, readCommand } from '@journey/contracts'
import type { JsonObject } from '@journey/domain'
import type { Publisher } from '@journey/messaging'
import {
  beginRetry,
  countDeadlyTry,
  deadLetterOf,
  discardDeadLetter,
  discardStream,
  editDeadLetter,
  nextRetryOf,
  notePublished,
  noteStreamAction,
  openDeadLetters,
  orderedConsumer,
  parkedStreamIn,
  parkedStreamOf,
  withdrawRetry,
  type Acted,
  type By,
  type Database,
  type DeadLetterFilter,
  type Retry,
} from '@journey/read-model'
import { codeOf, familyOf, type Log } from '@journey/runtime'
import { randomUUID } from 'node:crypto'
import { isUuid } from '../paging.js'
import { problem, ProblemError } from '../problems.js'
import type { Forecast, ForecastOutcome, Foreseen } from './forecast/forecast.js'
import type { Forecaster } from './forecast/forecaster.js'
import type { Apart } from './apart/apart.js'
import { publicationOf } from './publication.js'

/** What an action has made of a dead letter. A freed stream is `resolved`; one that could not be freed is `open` as before. */
export type Acting = {
  id: string
  state: 'open' | 'retrying' | 'resolved' | 'discarded'
  /** The how manieth retry this is; null where that is no question. */
  retry: number | null
  command_id: string | null
}

/** What people do with dead letters. Every action is written down with who did it and why. */
export interface Triage {
  /**
   * Sends a message back to where it died, or tries a parked stream again. Once this resolves the retry is stored; while the broker
   * is away it is published as soon as it is back.
   *
   * @param also done in the transaction that stores the retry of a message
   * @throws 404 `dead_letter/unknown`, 409 `dead_letter/not_open`, `dead_letter/task_over`; `broker/unroutable`: it is open again
   */
  retry(id: string, by: By, also?: Parameters<typeof beginRetry>[3]): Promise<Acting>
  /**
   * What a retry would come to now, found out by doing it and taking it back: nothing is sent, counted or written down.
   *
   * @throws 404 `dead_letter/unknown`, 409 `dead_letter/not_open`; unavailable when a server is away
   */
  foresee(id: string): Promise<Forecast>
  /** The same of the first of many, each for itself on the state as it is now. */
  foreseeMany(filter: DeadLetterFilter): Promise<ForecastOfMany>
  /** Publishes a stored retry; says whether it is safe on the bus now. @throws as `retry`, when it can never be */
  publish(retry: Retry, by: By): Promise<boolean>
  /**
   * Closes a message unsettled; leaves a parked stream out of the read model, with all that is still to come of it, until it is retried or
   * the read model is rebuilt.
   *
   * @throws 404 `dead_letter/unknown`, 409 `dead_letter/not_open`
   */
  discard(id: string, by: By): Promise<Acting>
  /**
   * Puts a mended command in the place of an open one: a new command, with an id of its own unless it brings one.
   *
   * @throws 404 `dead_letter/unknown`, 409 `dead_letter/not_open`, `dead_letter/not_a_command`
   * @throws malformed `command/…`, `json/…`: it would die again
   */
  edit(id: string, body: JsonObject, by: By): Promise<Acting>
}

/** Forecasts of the first of many, and how often each outcome came; `cut`: there are more, of which nothing is said. */
export type ForecastOfMany = {
  total: number
  shown: number
  cut: boolean
  summary: { outcome: ForecastOutcome; code: string | null; count: number }[]
  items: Forecast[]
}

/** How many of many are foreseen, and for how long: somebody waits for the answer. The last ones are begun by then, and may take as long again. */
const mostForeseen = 100
const foreseenWithinMs = 15_000
const foreseenAtOnce = 4

export const createTriage = (options: {
  db: Database['db']
  publisher: Publisher
  forecaster: Forecaster
  /** For what has ended its handler. */
  apart: Pick<Apart, 'message' | 'stream' | 'free'>
  /** Tries a parked stream again. */
  freeStream: (stream: string) => Promise<unknown>
  /** @throws unavailable when the broker is away */
  queueExists: (queue: string) => Promise<boolean>
  now: () => Date
  log: Log
}): Triage => {
  const { db, publisher, forecaster, apart, freeStream, queueExists, now, log } = options

  const publish: Triage['publish'] = async (retry, by) => {
    const { exchange, key, body, properties } = publicationOf(retry)
    try {
      await publisher.publish(exchange, key, body, properties)
    } catch (error) {
      if (familyOf(error) === 'unavailable' && codeOf(error) !== 'broker/unroutable') {
        log.warn({ deadLetter: retry.id, code: codeOf(error) }, 'a retry waits for the broker')
        return false
      }
      await withdrawRetry(db, retry, { actor: by.actor, reason: codeOf(error) })
      throw error
    }
    await notePublished(db, retry)
    log.info({ deadLetter: retry.id, retry: retry.retry, queue: retry.queue }, 'dead letter retried')
    return true
  }

  const retryStream = async (id: string, stream: string, by: By): Promise<Acting> => {
    const parked = await parkedStreamOf(db, stream)
    if (!parked) throw unknown()
    await noteStreamAction(db, stream, 'retry', by)
    if (parked.row.code !== poisonous) await freeStream(stream)
    // To go on killing would end this process, and with a job of many each one that comes after it.
    else if ((await apart.free(stream)) !== undefined) await countDeadlyTry(db, orderedConsumer, stream)
    const isFree = !(await parkedStreamOf(db, stream))
    if (isFree) await noteStreamAction(db, stream, 'resolve', by)
    return { id, state: isFree ? 'resolved' : 'open', retry: null, command_id: null }
  }

  const discardParked = async (id: string, stream: string, by: By): Promise<Acting> => {
    if (!(await discardStream(db, stream, by))) {
      if (!(await parkedStreamOf(db, stream))) throw unknown()
      done({ refused: 'discarded' })
    }
    return { id, state: 'discarded', retry: null, command_id: null }
  }

  const known = async (id: string) => {
    const found = isUuid(id) ? await deadLetterOf(db, id) : undefined
    if (!found) throw unknown()
    return found.row
  }

  const foreseeMessage = async (row: Awaited<ReturnType<typeof known>>): Promise<Foreseen> => {
    if (isTaskOver(row, now())) return notPossible(taskOver())
    const retry = nextRetryOf(row)
    const { exchange, key } = publicationOf(retry)
    if (exchange === '' && !(await isThere(key))) return notPossible(unroutable(key))
    const isTask = queueOfName(row.queue) !== undefined // done by others, elsewhere
    return row.reason === 'poison' && !isTask ? apart.message(retry) : forecaster.message(retry)
  }

  /** A retry waits for the broker, so while that is away none is impossible. */
  const isThere = async (queue: string): Promise<boolean> => {
    try {
      return await queueExists(queue)
    } catch (error) {
      if (familyOf(error) !== 'unavailable') throw error
      return true
    }
  }

  const foresee: Triage['foresee'] = async (id) => {
    const stream = parkedStreamIn(id)
    if (stream !== undefined) {
      const parked = await parkedStreamOf(db, stream)
      if (!parked) throw unknown()
      const { code, consumer, first_revision } = parked.row
      const foreseen = await (code === poisonous ? apart.stream(stream, first_revision) : forecaster.stream(stream))
      return forecastOf({ id, kind: 'stream', queue: consumer, type: null }, foreseen)
    }
    const row = await known(id)
    if (row.state !== 'open') done({ refused: row.state })
    return forecastOf({ id, kind: 'message', queue: row.queue, type: row.type }, await foreseeMessage(row))
  }

  return {
    publish,
    foresee,
    foreseeMany: async (filter) => {
      const { ids, total } = await openDeadLetters(db, filter, mostForeseen)
      const until = performance.now() + foreseenWithinMs
      const items: Forecast[] = []
      for (let from = 0; from < ids.length && performance.now() < until; from += foreseenAtOnce) {
        const some = ids.slice(from, from + foreseenAtOnce)
        items.push(...(await Promise.all(some.map((id) => foresee(id).catch(settledMeanwhile)))).flat())
      }
      return { total, shown: items.length, cut: items.length < total, summary: summaryOf(items), items }
    },
    retry: async (id, by, also) => {
      const stream = parkedStreamIn(id)
      if (stream !== undefined) return retryStream(id, stream, by)
      if (isTaskOver(await known(id), now())) throw problem(409, taskOver().code, taskOver().message)
      const retry = done(await beginRetry(db, id, by, also))
      await publish(retry, by)
      return { id, state: 'retrying', retry: retry.retry, command_id: retry.command_id }
    },
    discard: async (id, by) => {
      const stream = parkedStreamIn(id)
      if (stream !== undefined) return discardParked(id, stream, by)
      const { command_id } = await known(id)
      done(await discardDeadLetter(db, id, by))
      return { id, state: 'discarded', retry: null, command_id }
    },
    edit: async (id, body, by) => {
      const row = parkedStreamIn(id) === undefined ? await known(id) : undefined
      if (row?.queue !== commandQueue)
        throw problem(
          409,
          'dead_letter/not_a_command',
          'Only commands are edited: an event is a fact, and what is derived from one follows it. Mend the reader, and retry',
        )
      if (row.state !== 'open') done({ refused: row.state }) // before anything is said of the new body
      const type = body.command_type ?? row.type
      const command_id = body.command_id ?? randomUUID()
      const whole = { ...body, command_id, ...(typeof type === 'string' && { command_type: type }) }
      const edited = Buffer.from(JSON.stringify(whole))
      const { commandId, command } = readCommand({ body: edited, routingKey: '', headers: {} })
      const clientId = 'client_id' in command.data ? command.data.client_id : undefined
      done(await editDeadLetter(db, id, { body: edited, commandId, type: command.type, clientId }, by))
      return { id, state: 'open', retry: null, command_id: commandId }
    },
  }
}

const unknown = (): ProblemError =>
  problem(404, 'dead_letter/unknown', 'There is no dead letter with this id; closed ones are kept for 7 days')

const done = <Done>(acted: Acted<Done>): Done => {
  if (acted === 'unknown') throw unknown()
  if ('done' in acted) return acted.done
  const { refused: state } = acted
  throw problem(409, 'dead_letter/not_open', `The dead letter is ${state}, so nothing can be done with it now`, [], {
    state,
  })
}

const forecastOf = (whose: Pick<Forecast, 'id' | 'kind' | 'queue' | 'type'>, foreseen: Foreseen): Forecast => ({
  ...{ error: null, command: null, events: [], tables: {}, commands: [], tasks: [], deliveries: [] },
  ...foreseen,
  ...whose,
  type: foreseen.type ?? whose.type,
})

/** The code of a stream whose events have ended the projector again and again. */
const poisonous = 'projection/poison'

const notPossible = ({ code, message }: { code: string; message: string }): Foreseen => ({
  outcome: 'not_possible',
  says: message,
  error: { code, message, details: [] },
})

/** Closed or retried while the others were foreseen: no matter any more. */
const settledMeanwhile = (error: unknown): Forecast[] => {
  if (error instanceof ProblemError) return []
  throw error
}

const summaryOf = (items: readonly Forecast[]): ForecastOfMany['summary'] => {
  const groups = new Map<string, ForecastOfMany['summary'][number]>()
  for (const { outcome, error } of items) {
    const code = error?.code ?? null
    const key = `${outcome} ${code}`
    const group = groups.get(key)
    if (group) group.count++
    else groups.set(key, { outcome, code, count: 1 })
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}

const taskOver = (): { code: string; message: string } => ({
  code: 'dead_letter/task_over',
  message:
    'The deadline of this attempt has passed, and what became of it is decided: retry the task of its unit of work, and discard this',
})

const unroutable = (queue: string): { code: string; message: string } => ({
  code: 'broker/unroutable',
  message: `There is no queue ${queue} any more, so it would go nowhere, and be open again`,
})

const isTaskOver = ({ queue, body }: { queue: string; body: Buffer }, now: Date): boolean =>
  queueOfName(queue) !== undefined && isOver(body, now)

/** A task whose deadline has passed; one that cannot be read has none. */
const isOver = (body: Buffer, now: Date): boolean => {
  try {
    const { deadline } = JSON.parse(body.toString()) as { deadline?: unknown }
    return typeof deadline === 'string' && Date.parse(deadline) <= now.getTime()
  } catch {
    return false
  }
}
