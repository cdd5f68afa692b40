import { readiness, type Check } from '@journey/runtime'
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

const tags = ['operations']

/** What an operator's tools ask, without a token and without the prefix. */
export const operationRoutes = (
  app: FastifyInstance,
  { checks, registry }: { checks: Record<string, Check>; registry: Registry },
): void => {
  const config = { open: true }
  app.get(
    '/health',
    {
      schema: { tags, summary: 'The process lives', response: { 200: { type: 'object' } } },
      config,
    },
    () => ({ status: 'ok', service: 'api' }),
  )
  app.get(
    '/ready',
    {
      schema: {
        tags,
        summary: 'Everything it needs is there, or what is missing',
        response: { 200: { type: 'object' }, 503: { type: 'object' } },
      },
      config,
    },
    async (_request, reply) => {
      const ready = await readiness(checks)
      return reply.code(ready.status === 'ready' ? 200 : 503).send(ready)
    },
  )
  app.get(
    '/metrics',
    {
      schema: {
        tags,
        summary: 'Figures for Prometheus',
        produces: ['text/plain'],
        response: { 200: { type: 'string' } },
      },
      config,
    },
    async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  )
}
