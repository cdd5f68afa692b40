import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import { problem, problemOf, type Problem } from './problems.js'

/** Answers what no route takes: 405 where another method would have been right, else 404. To be called before any route is there. */
export const answerUnrouted = (
  app: FastifyInstance,
  send: (found: Problem, reply: FastifyReply) => FastifyReply,
): void => {
  const routes: { methods: string[]; path: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:\w+/g, '[^/]+')
      .replace('*', '.*')
    routes.push({ methods: [method].flat(), path: new RegExp(`^${pattern}$`) })
  })
  app.setNotFoundHandler((request: FastifyRequest, reply) => {
    const [path = ''] = request.url.split('?')
    const allowed = [...new Set(routes.filter((route) => route.path.test(path)).flatMap(({ methods }) => methods))]
    const what = `${request.method} ${path.slice(0, 200)}`
    if (allowed.length === 0)
      return send(problem(404, 'route/unknown', `${what} is no route here: see /docs`).problem, reply)
    void reply.header('allow', allowed.join(', '))
    return send(
      problem(405, 'route/method_not_allowed', `${what} is not offered; ${allowed.join(', ')} is`).problem,
      reply,
    )
  })
}

/** Answers what is not even HTTP, or too much of it, in our words; the connection is closed. */
export const answerBrokenRequest = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const known: Record<string, [status: number, detail: string]> = {
    HPE_HEADER_OVERFLOW: [431, 'The headers are larger than 16 KiB'],
    ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time'],
  }
  const [status, detail] = known[error.code ?? ''] ?? [400, 'What came is no HTTP request']
  const found = problemOf(problem(status, 'request/unreadable', detail))
  const body = JSON.stringify(found)
  socket.end(
    `HTTP/1.1 ${status} ${found.title}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
