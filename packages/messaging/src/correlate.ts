import type { Log } from '@journey/runtime'
import type { Middleware } from './pipeline.js'

/** Binds a message's ids to its log, so that every line written about it can be found by them. */
export const correlate =
  (log: Log): Middleware =>
  (next) =>
  (message) => {
    const { messageId, correlationId, type } = message.properties
    let bound: Log | undefined // most messages have nothing told about them
    const bind = () => (bound ??= log.child({ messageId, correlationId, type, queue: message.queue }))
    Object.defineProperty(message, 'log', { get: bind })
    return next(message)
  }
