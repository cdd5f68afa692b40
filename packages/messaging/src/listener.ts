import type { Binding } from '@journey/contracts'
import type { Log, Part } from '@journey/runtime'
import type { Connection } from './connection.js'
import { handling } from './consumer.js'
import type { Handler } from './pipeline.js'
import { subscribe } from './subscription.js'

export type ListenerOptions = {
  connection: Connection
  bindings: readonly Binding[]
  handler: Handler
  log: Log
}

/** How many messages are on their way at once; none is kept for long. */
const prefetch = 200

/**
 * Hears what is published while it listens, each instance for itself, through an exclusive queue of its own that goes with the
 * connection: broadcasts, live feeds, answers. What is published while the connection is down is not heard, and a message whose
 * handler fails is only logged.
 *
 * `address()` is the queue's name, for `reply_to`; another one after each reconnect.
 */
export const createListener = ({
  connection,
  bindings,
  handler,
  log,
}: ListenerOptions): Part & { address(): string | undefined } => {
  let queue: string | undefined
  const forgiving: Handler = async (message) => {
    try {
      await handler(message)
    } catch (error) {
      log.warn({ err: error }, 'a heard message could not be handled')
    }
  }
  const subscription = subscribe({
    connection,
    prefetch,
    pausable: false,
    log,
    prepare: async (channel) => {
      // Exclusive: RabbitMQ 4.3 refuses transient queues that others may use.
      const declared = await channel.assertQueue('', { exclusive: true, durable: false, autoDelete: true })
      for (const { exchange, key } of bindings) await channel.bindQueue(declared.queue, exchange, key)
      return (queue = declared.queue)
    },
    ...handling({
      queueName: () => queue ?? '',
      prefetch,
      handler: forgiving,
      log,
      drainMs: 1_000,
    }),
  })
  const forget = connection.onDown(() => (queue = undefined))
  return {
    name: 'listener',
    address: () => queue,
    start: subscription.start,
    stop: async () => {
      forget()
      await subscription.stop()
      queue = undefined
    },
  }
}
