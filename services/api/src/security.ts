import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { problem } from './problems.js'

/** Whether a host, as one listens on it or as it stands in a Host header, is this machine alone. */
export const isLoopback = (host: string): boolean => {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'))
}

/** Sent with every answer. Answers change from one moment to the next and may be confidential: nobody keeps them. */
export const securityHeaders = (_request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
  void reply.headers({
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  })
  done()
}

/**
 * Without tokens the loopback address is the only guard, and a web page could get round it by a name of its own that
 * leads there (DNS rebinding): such a name stands in the Host header.
 */
export const onlyLoopbackNames: onRequestHookHandler = (request, _reply, done) => {
  if (!isLoopback(request.hostname))
    throw problem(
      421,
      'request/host_not_served',
      'Without tokens (JOURNEY_AUTH=off) only localhost is served: use http://127.0.0.1 or http://localhost',
    )
  done()
}

/** Lets pass who shows the token, in constant time. */
export const bearer = (token: string): onRequestHookHandler => {
  const expected = digest(token)
  return (request, reply, done) => {
    const [, shown] = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? []
    if (shown === undefined || !timingSafeEqual(digest(shown), expected)) {
      void reply.header('www-authenticate', shown === undefined ? 'Bearer' : 'Bearer error="invalid_token"')
      throw problem(
        401,
        shown === undefined ? 'auth/token_missing' : 'auth/token_wrong',
        shown === undefined
          ? 'This needs the header Authorization: Bearer <token>'
          : 'The token is not the one this server knows',
      )
    }
    done()
  }
}

/** Of one length whatever the text, as timingSafeEqual asks. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
