import type { FastifyReply, FastifyRequest } from 'fastify'
import { problem } from './problems.js'

/**
 * The text of a header, UTF-8 as most callers send it; undefined when it was not sent.
 *
 * @throws 422 `request/header_invalid` for an empty, too long or unreadable one
 */
export const headerText = (request: FastifyRequest, name: string, mostBytes: number): string | undefined => {
  const raw = request.headers[name]
  if (raw === undefined) return undefined
  const bytes = Buffer.from(String(raw), 'latin1')
  const text = decode(bytes)
  if (text !== undefined && text.length > 0 && bytes.length <= mostBytes && !/\p{Cc}/u.test(text)) return text
  const message = `the header ${name} must be a text of 1 to ${mostBytes} bytes of UTF-8 without control characters`
  throw problem(422, 'request/header_invalid', message, [{ field: name, code: 'header', message }])
}

const decode = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Aborts when the caller has gone away before the answer. */
export const callerGone = (reply: FastifyReply): AbortSignal => {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}
