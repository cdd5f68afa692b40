import { exchanges } from '@journey/contracts'
import { codeOf, familyOf, type Log, type Part } from '@journey/runtime'
import type { ConsumeMessage } from 'amqplib'
import type { Connection } from './connection.js'
import { toMessage, type Message } from './message.js'
import type { BusMeters } from './meters.js'
import { subscribe, type Session } from './subscription.js'
import { growingDelay, orAborted, sleep, within } from './waiting.js'

export type BatchConsumerOptions = {
  connection: Connection
  queue: string
  /** Told when the broker took the queue away, with what it held, before it is declared again; told again when it rejects. */
  queueLost?: () => Promise<void>
  /** How many messages may be unacknowledged; twice `maxBatch` lets the next batch gather while one is handled. */
  prefetch: number
  maxBatch: number
  /** How long the first message of a batch waits for company while nothing else is under way. */
  lingerMs: number
  /**
   * Handles a batch, in the queue's order, all or none; never called twice at once. A batch it rejects is kept and tried again
   * with growing delay as long as the channel lasts: what can never be handled, it must put aside itself.
   */
  handle: (messages: readonly Message[]) => Promise<void>
  /** Resolves once it is worth trying again after an `unavailable`; a growing delay comes before each call. */
  until?: () => Promise<void>
  log: Log
  meters?: BusMeters
  firstDelayMs?: number
  mostDelayMs?: number
  /** A stop waits this long for the batch under way; without acknowledgement it is delivered again. */
  drainMs?: number
}

/**
 * Consumes a queue in batches and acknowledges each as a whole once handled: one acknowledgement, on the channel that
 * delivered it. Nothing is ever handed back one by one: order is the queue's, also across reconnects, where the broker
 * delivers again from the first unacknowledged message.
 */
export const createBatchConsumer = (options: BatchConsumerOptions): Part => {
  const { connection, queue, prefetch, maxBatch, lingerMs, handle, until, meters } = options
  const { firstDelayMs = 250, mostDelayMs = 10_000, drainMs = 15_000 } = options
  const log = options.log.child({ queue })
  meters?.breakerOpen.set({ queue }, 0)
  let buffer: { delivery: ConsumeMessage; session: Session }[] = []
  let underWay: Promise<void> | undefined
  let lingering: NodeJS.Timeout | undefined

  const pump = (): void => {
    clearTimeout(lingering)
    lingering = undefined
    if (underWay) return
    buffer = buffer.filter(({ session }) => !session.signal.aborted) // the broker delivers those again
    if (buffer.length === 0) return
    const session = buffer[0]!.session
    const batch = buffer.splice(0, maxBatch).map(({ delivery }) => delivery)
    underWay = settle(batch, session).finally(() => {
      underWay = undefined
      pump()
    })
  }

  const settle = async (batch: readonly ConsumeMessage[], session: Session): Promise<void> => {
    const { open, signal } = session
    const messages = batch.map((delivery) =>
      toMessage(delivery, { queue, retryExchange: exchanges.retry.name, signal, log }),
    )
    const stopTimer = meters?.handling.startTimer({ queue })
    for (let failures = 0; !signal.aborted;) {
      try {
        await handle(messages)
        stopTimer?.()
        meters?.breakerOpen.set({ queue }, 0)
        if (!open.isOpen) return
        open.channel.ack(batch.at(-1)!, true)
        for (const delivery of batch) session.settled(delivery)
        meters?.consumed.inc({ queue, outcome: 'handled' }, batch.length)
        if (failures > 0) log.info({ messages: batch.length, failures }, 'the batch went through')
        return
      } catch (error) {
        failures++
        const fields = { err: error, code: codeOf(error), messages: batch.length, failures }
        meters?.breakerOpen.set({ queue }, familyOf(error) === 'unavailable' ? 1 : 0)
        if (familyOf(error) === 'unavailable') log.warn(fields, 'the batch waits')
        else log.error(fields, 'the batch failed; it is tried again')
        await sleep(growingDelay(failures, firstDelayMs, mostDelayMs), signal)
        if (until && familyOf(error) === 'unavailable')
          await orAborted(
            until().catch(() => undefined),
            signal,
          )
      }
    }
    meters?.breakerOpen.set({ queue }, 0)
  }

  const subscription = subscribe({
    connection,
    prefetch,
    log,
    meters,
    queueLost: options.queueLost,
    prepare: () => Promise.resolve(queue),
    deliver: (delivery, session) => {
      buffer.push({ delivery, session })
      if (buffer.length >= maxBatch) pump()
      else lingering ??= setTimeout(pump, lingerMs)
    },
    // Not cancelled first: a quorum queue would hand later messages to the next consumer before this batch is acknowledged.
    finish: async () => {
      clearTimeout(lingering)
      lingering = undefined
      if (underWay && !(await within(drainMs, underWay)))
        log.warn('the batch was still at work at the stop; it is delivered again')
    },
  })
  return { name: `batch consumer of ${queue}`, start: subscription.start, stop: subscription.stop }
}
