import type { FastifyInstance } from 'fastify'
import type { Desk } from '../desk.js'
import { callerGone } from '../header.js'
import { answers } from '../openapi/document.js'
import { problem } from '../problems.js'
import { waitParameter } from './commanding.js'

export const commandRoutes = (app: FastifyInstance, desk: Desk): void => {
  app.get<{ Params: { command_id: string }; Querystring: { wait?: number } }>(
    '/commands/:command_id',
    {
      schema: {
        tags: ['commands'],
        summary: 'What became of a command, however it was published',
        params: { type: 'object', properties: { command_id: { type: 'string' } } },
        querystring: { type: 'object', additionalProperties: false, properties: waitParameter },
        response: answers({ 200: 'CommandAnswer' }),
      },
    },
    async ({ params: { command_id }, query: { wait = 0 } }, reply) => {
      const outcome = await desk.outcome(command_id, wait * 1000, callerGone(reply))
      if (outcome) return outcome.answer
      throw problem(404, 'command/unknown', 'No command with this id was ever heard of')
    },
  )
}
