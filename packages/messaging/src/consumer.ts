import { exchanges } from '@journey/contracts'
import type { Log, Part } from '@journey/runtime'
import type { ConsumeMessage } from 'amqplib'
import type { Connection } from './connection.js'
import { toMessage, type Message } from './message.js'
import type { BusMeters } from './meters.js'
import type { Handler } from './pipeline.js'
import { subscribe, type Session } from './subscription.js'
import { growingDelay, sleep, within } from './waiting.js'

export type ConsumerOptions = {
  connection: Connection
  queue: string
  /** Told when the broker took the queue away, with what it held, before it is declared again; told again when it rejects. */
  queueLost?: () => Promise<void>
  /** How many messages may be unacknowledged at once. */
  prefetch: number
  /** How many of them are handled at once; all unless told otherwise. */
  concurrency?: number
  /** Usually a `pipeline(...)` with `settle` in it. */
  handler: Handler
  log: Log
  meters?: BusMeters
  /** A stop waits this long for handlers under way; what is not done then is delivered again. */
  drainMs?: number
}

/** Thrown by a handler, `settle` above all, to hand a message to its queue's own dead-letter exchange as it is. */
export class RejectDelivery extends Error {
  override readonly name = 'RejectDelivery'
}

/**
 * Consumes a queue and acknowledges each message when its handler resolves; survives lost connections, channels and queues.
 *
 * A handler that rejects is called again after a growing delay, and the message stays unacknowledged: put `settle` into the
 * pipeline to decide otherwise. The order of handling is the queue's only with a prefetch or concurrency of 1.
 */
export const createConsumer = (options: ConsumerOptions): Part => {
  const { connection, queue, prefetch, log, meters, drainMs = 15_000 } = options
  const subscription = subscribe({
    connection,
    prefetch,
    log: log.child({ queue }),
    meters,
    queueLost: options.queueLost,
    prepare: () => Promise.resolve(queue),
    ...handling({ ...options, queueName: () => queue, drainMs }),
  })
  return { name: `consumer of ${queue}`, start: subscription.start, stop: subscription.stop }
}

/** The way of a delivery through a handler, for consumers and listeners. */
export const handling = (options: {
  queueName: () => string
  prefetch: number
  concurrency?: number
  handler: Handler
  log: Log
  drainMs: number
}) => {
  const { queueName, prefetch, handler, log, drainMs } = options
  const concurrency = Math.min(options.concurrency ?? prefetch, prefetch)
  const waiting: { delivery: ConsumeMessage; session: Session }[] = []
  let underWay = 0
  let drained: (() => void) | undefined

  const pump = (): void => {
    while (underWay < concurrency) {
      const next = waiting.shift()
      if (!next) break
      if (next.session.signal.aborted) continue // the broker delivers it again
      underWay++
      void handle(next.delivery, next.session).finally(() => {
        underWay--
        pump()
      })
    }
    if (underWay === 0) drained?.()
  }

  const handle = async (delivery: ConsumeMessage, session: Session): Promise<void> => {
    const message = toMessage(delivery, {
      queue: queueName(),
      retryExchange: exchanges.retry.name,
      signal: session.signal,
      log,
    })
    const verdict = await untilHandled(handler, message, session)
    if (verdict === 'abandoned' || !session.open.isOpen) return
    if (verdict === 'reject') session.open.channel.nack(delivery, false, false)
    else session.open.channel.ack(delivery)
    session.settled(delivery)
  }

  return {
    deliver: (delivery: ConsumeMessage, session: Session): void => {
      waiting.push({ delivery, session })
      pump()
    },
    /** Cancels first, so that other consumers of the queue get the next messages meanwhile. */
    finish: async ({ open, consumerTag }: Session): Promise<void> => {
      await open.channel.cancel(consumerTag).catch(() => undefined)
      const empty = new Promise<void>((resolve) => (drained = resolve))
      pump()
      if (!(await within(drainMs, empty)))
        log.warn(
          { queue: queueName(), underWay },
          'handlers were still at work at the stop; their messages are delivered again',
        )
    },
  }
}

const untilHandled = async (
  handler: Handler,
  message: Message,
  { signal }: Session,
): Promise<'ack' | 'reject' | 'abandoned'> => {
  for (let failures = 0; ;) {
    if (failures > 0 && signal.aborted) return 'abandoned'
    try {
      await handler(message)
      return 'ack'
    } catch (error) {
      if (error instanceof RejectDelivery) return 'reject'
      failures++
      if (!signal.aborted) message.log.error({ err: error, failures }, 'the handler failed; it is called again')
      await sleep(growingDelay(failures, 500, 30_000), signal)
    }
  }
}
