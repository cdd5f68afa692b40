import type { Message } from './message.js'

/** Handles one message: resolves once its effect is durable, so that it may be acknowledged. */
export type Handler = (message: Message) => Promise<void>

/** One concern around a handler. */
export type Middleware = (next: Handler) => Handler

/** Wraps the last, a handler, into the middlewares before it; the first is the outermost. */
export const pipeline = (...stack: [...Middleware[], Handler]): Handler => {
  const handler = stack.at(-1) as Handler
  return (stack.slice(0, -1) as Middleware[]).reduceRight((next, middleware) => middleware(next), handler)
}
