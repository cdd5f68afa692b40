import { unavailable, type Log, type Part } from '@journey/runtime'
import type { FastifyInstance } from 'fastify'

/** The server as a part of the process. */
export const createListener = (options: {
  server: () => Promise<FastifyInstance>
  host: string
  port: number
  log: Log
}): Part => {
  const { server, host, port, log } = options
  let app: FastifyInstance | undefined
  return {
    name: 'http',
    start: async () => {
      app = await server()
      try {
        log.info({ address: await app.listen({ host, port }) }, 'listening')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
        throw unavailable(
          'api/port_taken',
          `Port ${port} on ${host} is taken by another program: stop that one, or set JOURNEY_API_PORT to another`,
          error,
        )
      }
    },
    stop: async () => {
      await app?.close()
    },
  }
}
