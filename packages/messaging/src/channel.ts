import type { Fault } from '@journey/runtime'
import type { Channel } from 'amqplib'
import { brokerFault } from './faults.js'
import { within } from './waiting.js'

/**
 * A channel with its end watched. Acknowledgements and publishes are only good on the channel they belong to: check
 * `isOpen` before each, since amqplib throws on a closed one.
 */
export type Open<C extends Channel> = {
  readonly channel: C
  readonly isOpen: boolean
  /** Resolves, never rejects, with why the channel ended; ours or the broker's doing. */
  readonly closed: Promise<Fault>
  /** Ends it; whatever was unacknowledged returns to its queue. Safe to repeat and on a channel that is gone. */
  close(): Promise<void>
}

/** A broker that does not answer is left without an answer. */
const farewellLimitMs = 2_000

/** Watches a channel from the tick it was opened in. */
export const watched = <C extends Channel>(channel: C): Open<C> => {
  let isOpen = true
  let cause: unknown
  channel.on('error', (error) => (cause = error))
  const closed = new Promise<Fault>((resolve) => {
    channel.on('close', () => {
      isOpen = false
      resolve(brokerFault(cause ?? new Error('the channel or its connection was closed'), 'keeping a channel open'))
    })
  })
  return {
    channel,
    get isOpen() {
      return isOpen
    },
    closed,
    close: async () => {
      if (!isOpen) return
      isOpen = false
      // Closing while the connection goes throws; while the broker is blocked it is not answered.
      const farewell = Promise.resolve()
        .then(() => channel.close())
        .catch(() => undefined)
      await within(farewellLimitMs, Promise.race([farewell, closed]))
    },
  }
}
