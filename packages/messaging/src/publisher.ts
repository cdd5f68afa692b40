import { codeOf, Fault, unavailable } from '@journey/runtime'
import type { ConfirmChannel, Message as Returned, Options } from 'amqplib'
import type { Open } from './channel.js'
import type { Connection } from './connection.js'
import { brokerFault } from './faults.js'
import type { BusMeters } from './meters.js'
import { headersTooLarge, publishOptions, type PublishProperties } from './publication.js'
import { within } from './waiting.js'

/** Publishes single messages, confirmed, in no promised order. */
export interface Publisher {
  /**
   * Resolves once the broker has the message safe in every queue it goes to. Waits while the window is full or the broker
   * takes nothing. Persistent and `application/json` by default. With `mandatory` (the default) it must reach a queue.
   *
   * @throws unavailable `broker/away`: not sent; `broker/blocked`: not sent, the broker took nothing in time
   * @throws unavailable `broker/not_confirmed`: outcome unknown; publish again with the same message id
   * @throws unavailable `broker/unroutable`: no queue is bound for it
   * @throws malformed `message/too_large`, `message/headers_too_large`: it can never be published
   */
  publish(
    exchange: string,
    key: string,
    body: Buffer,
    properties?: PublishProperties,
    options?: { mandatory?: boolean },
  ): Promise<void>
  /** Waits for what is under way, 5 s at most, then closes. `Connection.stop()` does it too. */
  stop(): Promise<void>
}

export type PublisherOptions = {
  connection: Connection
  meters?: BusMeters
  /** How many messages may be unconfirmed. 100 to 1000 give full speed (limits measured on 3.10.8), more only delay. */
  window?: number
  /** A publish takes no longer, waiting included. */
  timeoutMs?: number
}

type Entry = {
  readonly exchange: string
  readonly key: string
  readonly body: Buffer
  readonly options: Options.Publish & { messageId: string }
  readonly settle: (failure?: Error) => void
  lane?: Lane
}

/** One channel with what is under way on it. */
type Lane = {
  readonly open: Open<ConfirmChannel>
  readonly underWay: Set<Entry>
  /** Messages the broker returned as unroutable; their confirmation comes right after. */
  readonly returned: Map<string, number>
  writable: boolean
}

const drainLimitMs = 5_000

export const createPublisher = (options: PublisherOptions): Publisher => {
  const { connection, meters, window = 500, timeoutMs = 30_000 } = options
  const waiting = new Set<Entry>()
  let underWay = 0
  let lane: Lane | undefined
  let opening: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  let idle: (() => void) | undefined

  const pump = (): void => {
    if (waiting.size === 0) {
      if (underWay === 0) idle?.()
      return
    }
    if (connection.blocked !== undefined && connection.isUp) return
    if (!lane) {
      opening ??= openLane()
      return
    }
    for (const entry of waiting) {
      if (underWay >= window || !lane.writable) return
      waiting.delete(entry)
      send(lane, entry)
    }
  }

  const openLane = async (): Promise<void> => {
    try {
      const open = await connection.confirmChannel()
      const next: Lane = { open, underWay: new Set(), returned: new Map(), writable: true }
      open.channel.on('return', (message: Returned) => {
        const id = identity(message.fields.exchange, message.fields.routingKey, message.properties.messageId)
        next.returned.set(id, (next.returned.get(id) ?? 0) + 1)
      })
      open.channel.on('drain', () => {
        next.writable = true
        pump()
      })
      void open.closed.then(() => {
        if (lane === next) lane = undefined
        pump()
      })
      lane = next
    } catch (error) {
      for (const entry of waiting) {
        waiting.delete(entry)
        entry.settle(error as Error)
      }
    } finally {
      opening = undefined
      pump()
    }
  }

  const send = (on: Lane, entry: Entry): void => {
    const { exchange, key, body, options: fields } = entry
    try {
      on.writable = on.open.channel.publish(exchange, key, body, fields, (error: unknown) =>
        confirmed(on, entry, error),
      )
      entry.lane = on
      on.underWay.add(entry)
      underWay++
    } catch (error) {
      entry.settle(headersTooLarge(error) ?? (error instanceof TypeError ? error : brokerFault(error, 'publishing')))
    }
  }

  const confirmed = (on: Lane, entry: Entry, error: unknown): void => {
    underWay--
    on.underWay.delete(entry)
    if (error) {
      entry.settle(notConfirmed(entry, error))
      retire(on)
    } else if (wasReturned(on, entry)) {
      entry.settle(
        unavailable('broker/unroutable', `No queue takes messages of ${entry.exchange} with the key ${entry.key}.`),
      )
    } else entry.settle()
    if (on !== lane && on.underWay.size === 0) void on.open.close()
    pump()
  }

  /**
   * A channel opened before a queue's new leader was known refuses for ever (limits.md section 2): after a refusal it
   * gets nothing new and is closed once the rest of it is settled.
   */
  const retire = (on: Lane): void => {
    if (lane === on) lane = undefined
  }

  const expire = (entry: Entry): void => {
    if (waiting.delete(entry)) {
      const reason = connection.blocked ?? 'its window stayed full'
      entry.settle(unavailable('broker/blocked', `The broker took no message within ${timeoutMs} ms: ${reason}.`))
      return
    }
    entry.settle(notConfirmed(entry, new Error(`no answer within ${timeoutMs} ms`)))
    if (entry.lane && connection.blocked === undefined) {
      retire(entry.lane)
      void entry.lane.open.close()
    }
  }

  const publish = (entry: Omit<Entry, 'settle'>): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => expire(whole), timeoutMs)
      const whole: Entry = {
        ...entry,
        settle: (failure) => {
          clearTimeout(timer)
          meters?.published.inc({
            exchange: entry.exchange,
            outcome: failure === undefined ? 'confirmed' : outcomeOf(failure),
          })
          if (failure === undefined) resolve()
          else reject(failure)
        },
      }
      waiting.add(whole)
      pump()
    })

  const stop = async (): Promise<void> => {
    const empty = new Promise<void>((resolve) => (idle = resolve))
    pump()
    await within(drainLimitMs, empty)
    await lane?.open.close()
  }

  connection.onBlocked(pump)
  const publisher: Publisher = {
    publish: async (exchange, key, body, properties = {}, { mandatory = true } = {}) => {
      if (stopped) throw unavailable('broker/stopped', 'The publisher was stopped; start the service again.')
      await publish({ exchange, key, body, options: publishOptions(body, properties, mandatory) })
    },
    stop: () => (stopped ??= stop()),
  }
  connection.beforeStop(() => publisher.stop())
  return publisher
}

const identity = (exchange: string, key: string, messageId: unknown): string =>
  `${exchange} ${key} ${String(messageId)}`

/** RabbitMQ sends the return before the confirmation of the same message. */
const wasReturned = ({ returned }: Lane, { exchange, key, options }: Entry): boolean => {
  const id = identity(exchange, key, options.messageId)
  const count = returned.get(id)
  if (count === undefined) return false
  if (count === 1) returned.delete(id)
  else returned.set(id, count - 1)
  return true
}

const notConfirmed = ({ exchange, key }: Entry, cause: unknown): Fault =>
  unavailable(
    'broker/not_confirmed',
    `The broker did not confirm a message for ${exchange} with the key ${key}; whether it has it is unknown. Publish again with the same message id.`,
    cause,
  )

/** A small closed set for the label: the last word of the code. */
const outcomeOf = (failure: unknown): string => codeOf(failure).split('/')[1] ?? 'bug'
