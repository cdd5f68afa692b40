import { codeOf, type Log } from '@journey/runtime'
import type { Channel, ConsumeMessage } from 'amqplib'
import { setMaxListeners } from 'node:events'
import type { Open } from './channel.js'
import type { Connection } from './connection.js'
import type { Hand } from './in-hand.js'
import type { BusMeters } from './meters.js'
import { deferred, growingDelay, orAborted, sleep } from './waiting.js'

/** A subscription's time on one channel. Deliveries are only good while it lasts. */
export type Session = {
  readonly open: Open<Channel>
  readonly consumerTag: string
  /** Aborted at its end: the channel is gone, or the subscription stops. */
  readonly signal: AbortSignal
  /** Tells that a delivery was acknowledged or rejected. */
  readonly settled: (delivery: ConsumeMessage) => void
}

export type Subscription = {
  start: () => Promise<void>
  /** Ends the session by `finish`, which may still acknowledge, then closes its channel for good. */
  stop: () => Promise<void>
}

/** A queue that is there again sooner leaves its other consumers without a word (RabbitMQ 3.10.8; see `migrateQueue`). */
const cancelMs = 500

/**
 * Keeps consuming a queue through lost channels, lost connections and, after declaring the topology again, lost queues.
 *
 * @param prepare names the queue to consume on a fresh channel; it may declare one of its own there
 * @param deliver gets each delivery with the session it belongs to; must not throw
 * @param finish settles what is to be settled before the channel is closed at a stop
 */
export const subscribe = (options: {
  connection: Connection
  prepare: (channel: Channel) => Promise<string>
  prefetch: number
  /** Whether `Connection.pauseConsumers` holds it; so it does unless this says no. */
  pausable?: boolean
  /** Told that the broker took the queue away, with what it held; before it is declared again. Told again when it rejects. */
  queueLost?: (() => Promise<void>) | undefined
  log: Log
  meters?: BusMeters | undefined
  deliver: (delivery: ConsumeMessage, session: Session) => void
  finish: (session: Session) => Promise<void>
}): Subscription => {
  const { connection, prepare, prefetch, pausable = true, queueLost = nothing, log, meters, deliver, finish } = options
  const stopping = new AbortController()
  const isStopping = (): boolean => stopping.signal.aborted
  let running: Promise<void> | undefined
  let session: Session | undefined
  let stopped: Promise<void> | undefined
  const consuming = deferred()
  consuming.promise.catch(() => undefined)

  /** Consumes until the channel ends or the broker cancels; the latter is true. */
  const consumeOnce = async (): Promise<boolean> => {
    const open = await connection.channel()
    const ended = new AbortController()
    const signal = AbortSignal.any([ended.signal, stopping.signal])
    setMaxListeners(0, signal) // every message that waits listens
    const cancelled = deferred()
    let current: Session | undefined
    let hand: Hand | undefined
    const settled = (delivery: ConsumeMessage) => hand?.settled(delivery)
    try {
      await open.channel.prefetch(prefetch)
      const queue = await prepare(open.channel)
      hand = meters?.inHand.open(queue)
      // Deliveries that came in one read with the answer are handed over before the await below goes on.
      const { consumerTag } = await open.channel.consume(queue, (delivery) => {
        if (delivery === null) {
          cancelled.resolve()
          return
        }
        hand?.take(delivery)
        current ??= { open, consumerTag: delivery.fields.consumerTag, signal, settled }
        deliver(delivery, current)
      })
      session = current ??= { open, consumerTag, signal, settled }
      if (isStopping()) return false
      log.debug({ queue, prefetch }, 'consuming')
      consuming.resolve()
      const end = await Promise.race([
        cancelled.promise.then(() => 'cancelled'),
        open.closed.then(() => 'closed'),
        ...(pausable ? [connection.whenPaused().then(() => 'paused')] : []),
      ])
      if (end === 'cancelled') log.warn({ queue }, 'the broker cancelled the consumer')
      if (end === 'paused' && !isStopping()) await Promise.race([finish(session), open.closed])
      return end === 'cancelled'
    } finally {
      ended.abort()
      session = undefined
      hand?.close()
      await open.close()
    }
  }

  const run = async (): Promise<void> => {
    let mustDeclare = false
    let isLost = false
    for (let failures = 0; !stopping.signal.aborted;) {
      try {
        await orAborted(connection.whenUp(), stopping.signal)
        if (pausable) await orAborted(connection.whenResumed(), stopping.signal)
        if (isStopping()) return
        if (mustDeclare) {
          await sleep(cancelMs, stopping.signal)
          if (isStopping()) return
          if (isLost) await queueLost()
          isLost = false
          await connection.declareAgain()
        }
        mustDeclare = isLost = await consumeOnce()
        failures = 0
      } catch (error) {
        if (isStopping() || codeOf(error) === 'broker/stopped') return
        mustDeclare = isLost || connection.isUp
        failures++
        log.warn({ err: error, code: codeOf(error), failures }, 'the queue cannot be consumed')
        await sleep(growingDelay(failures, 100, 10_000), stopping.signal)
      }
    }
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    if (session) {
      const last = session
      await Promise.race([finish(last), last.open.closed])
      await last.open.close()
    }
    await running
    forget()
  }

  const subscription: Subscription = {
    start: async () => {
      running ??= run()
      // A start does not wait until somebody resumes what is paused.
      await Promise.race([consuming.promise, running, ...(pausable ? [connection.whenPaused()] : [])])
    },
    stop: () => (stopped ??= stop()),
  }
  const forget = connection.beforeStop(() => subscription.stop())
  return subscription
}

const nothing = (): Promise<void> => Promise.resolve()
