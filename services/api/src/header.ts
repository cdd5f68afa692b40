import type { FastifyReply, FastifyRequest } from 'fastify'
import { problem } from './problems.js'

/**
 * The text of a header; undefined when it was not sent. UTF-8, else Latin-1: `fetch` sends the one, most tools the other.
 *
 * @throws 422 `request/header_invalid` for an empty or too long one, or one with control characters
 */
export const headerText = (request: FastifyRequest, name: string, mostBytes: number): string | undefined => {
  const raw = request.headers[name]
  if (raw === undefined) return undefined
  const text = decode(Buffer.from(String(raw), 'latin1'))
  if (text.length > 0 && Buffer.byteLength(text) <= mostBytes && !/\p{Cc}/u.test(text)) return text
  const message = `the header ${name} must be a text of 1 to ${mostBytes} bytes without control characters`
  throw problem(422, 'request/header_invalid', message, [{ field: name, code: 'header', message }])
}

const decode = (bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}

/** Aborts when the caller has gone away before the answer. */
export const callerGone = (reply: FastifyReply): AbortSignal => {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}
