import { unavailable, type Fault } from '@journey/runtime'
import type { BusMeters } from './meters.js'
import type { Connection } from './connection.js'
import { brokerFault } from './faults.js'
import { headersTooLarge, publishOptions, type PublishProperties } from './publication.js'
import { deferred, type Deferred } from './waiting.js'

/** A message on its way out, in order. */
export type Publication = {
  readonly exchange: string
  readonly key: string
  readonly body: Buffer
  readonly properties: PublishProperties
}

/**
 * One run of messages on one channel, in the order of the calls; each must reach a queue.
 *
 * The first refusal, return, or loss of the channel fails the run as a whole: nothing more is sent, `failed` is aborted with the
 * one fault as its reason, and so end all waits. What was confirmed up to the first gap has been told by then; start a new run
 * after that. So a message is never published again past a later one by the same run.
 */
export interface OrderedPublisher<T> {
  /** Resolves once the message is taken into the window. One call at a time. @throws the fault the run failed with */
  publish(item: T, publication: Publication): Promise<void>
  /** Resolves once everything taken is confirmed. @throws the fault the run failed with */
  flush(): Promise<void>
  /** Aborted when the run has failed or was closed; its `reason` is the fault. */
  readonly failed: AbortSignal
  /** Ends the run; what is unconfirmed stays unknown. Safe to repeat. */
  close(): Promise<void>
}

export type OrderedPublisherOptions<T> = {
  connection: Connection
  meters?: BusMeters
  window?: number
  /** Told each time the confirmed prefix grows, with its last item. Must not throw. */
  confirmed: (last: T) => void
}

type Entry<T> = { item: T; done: boolean }

/** Opens a run. @throws unavailable `broker/away` */
export const createOrderedPublisher = async <T>({
  connection,
  meters,
  window = 1_000,
  confirmed,
}: OrderedPublisherOptions<T>): Promise<OrderedPublisher<T>> => {
  const open = await connection.confirmChannel()
  const failed = new AbortController()
  /** Taken and not yet told, in order. */
  let entries: Entry<T>[] = []
  /** Refused: the run fails as soon as all before it is confirmed and told, for brokers refuse sooner than they confirm. */
  let refused: { entry: Entry<T>; fault: Fault } | undefined
  let room: Deferred<void> | undefined
  let empty: Deferred<void> | undefined
  let writable = true

  const mayGoOn = (): boolean => !refused && entries.length < window && writable && connection.blocked === undefined

  const wake = (): void => {
    if (room && (mayGoOn() || failed.signal.aborted)) {
      room.resolve()
      room = undefined
    }
    if (empty && (entries.length === 0 || failed.signal.aborted)) {
      empty.resolve()
      empty = undefined
    }
  }

  const fail = (fault: Fault): void => {
    if (failed.signal.aborted) return
    entries = []
    failed.abort(fault)
    void open.close()
    wake()
  }

  const settle = (entry: Entry<T>, publication: Publication, error: unknown): void => {
    if (failed.signal.aborted) return
    meters?.published.inc({ exchange: publication.exchange, outcome: error ? 'not_confirmed' : 'confirmed' })
    if (error) {
      const fault = unavailable(
        'broker/not_confirmed',
        `The broker did not confirm a message for ${publication.exchange}; go on after the last confirmed one.`,
        error,
      )
      if (!refused || entries.indexOf(entry) < entries.indexOf(refused.entry)) refused = { entry, fault }
    } else entry.done = true
    if (entries[0]?.done) {
      const gap = entries.findIndex(({ done }) => !done)
      const prefix = entries.splice(0, gap === -1 ? entries.length : gap)
      confirmed(prefix.at(-1)!.item)
    }
    if (refused && entries[0] === refused.entry) fail(refused.fault)
    else wake()
  }

  open.channel.on('return', ({ fields }) => {
    meters?.published.inc({ exchange: fields.exchange, outcome: 'unroutable' })
    fail(
      unavailable(
        'broker/unroutable',
        `No queue takes messages of ${fields.exchange} with the key ${fields.routingKey}; start the services that own the queues.`,
      ),
    )
  })
  open.channel.on('drain', () => {
    writable = true
    wake()
  })
  const forgetBlocked = connection.onBlocked(wake)
  void open.closed.then((fault) => {
    forgetBlocked()
    fail(fault)
  })

  const throwIfFailed = (): void => failed.signal.throwIfAborted()

  return {
    failed: failed.signal,
    publish: async (item, publication) => {
      throwIfFailed()
      while (!mayGoOn()) {
        room ??= deferred()
        await room.promise
        throwIfFailed()
      }
      const { exchange, key, body, properties } = publication
      const entry = { item, done: false }
      const options = publishOptions(body, properties, true)
      try {
        writable = open.channel.publish(exchange, key, body, options, (error: unknown) =>
          settle(entry, publication, error),
        )
      } catch (error) {
        throw headersTooLarge(error) ?? (error instanceof TypeError ? error : brokerFault(error, 'publishing'))
      }
      entries.push(entry)
    },
    flush: async () => {
      throwIfFailed()
      if (entries.length > 0) await (empty ??= deferred()).promise
      throwIfFailed()
    },
    close: () => open.close(),
  }
}
