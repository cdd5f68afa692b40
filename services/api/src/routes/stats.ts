import type { FastifyInstance } from 'fastify'
import { answers } from '../openapi/document.js'
import type { Stats } from '../system/stats.js'

export const statsRoutes = (app: FastifyInstance, stats: () => Promise<Stats>): void => {
  app.get(
    '/stats',
    {
      schema: {
        tags: ['operations'],
        summary: 'How the whole system does: rates, lags, queues, what was put aside, what is held back',
        description:
          'Looked at once a second at most, and services speak every 2 s. What cannot be told has the status `unknown` and a `reason`; the rest is there all the same. The same figures stand under the names of `/metrics` in the service that knows them.',
        response: answers({ 200: 'Stats' }),
      },
    },
    () => stats(),
  )
}
