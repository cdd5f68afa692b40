import type { Log } from '@journey/runtime'
import type { Middleware } from './pipeline.js'

/** Binds a message's ids to its log, so that every line written about it can be found by them. */
export const correlate =
  (log: Log): Middleware =>
  (next) =>
  (message) => {
    const { messageId, correlationId, type } = message.properties
    message.log = log.child({ messageId, correlationId, type, queue: message.queue })
    return next(message)
  }
