import { intentPattern } from '@journey/contracts'
import { findAgents, type AgentView, type Database } from '@journey/read-model'
import type { FastifyInstance } from 'fastify'
import { answers } from '../openapi/document.js'
import { pageOf, pageParameters, placeOf } from '../paging.js'

/** @param aliveWithinMs an agent not heard of for longer counts as gone */
export const agentRoutes = (app: FastifyInstance, db: Database['db'], aliveWithinMs: number): void => {
  app.get<{ Querystring: { intent?: string; limit: number; cursor?: string } }>(
    '/agents',
    {
      schema: {
        tags: ['agents'],
        summary:
          'Agents, when they were last heard of, and whether that counts as alive; with those that others told of',
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            intent: { type: 'string', pattern: intentPattern.source, description: 'Only those that offer it' },
            ...pageParameters,
          },
        },
        response: answers({ 200: 'AgentPage' }),
      },
    },
    async ({ query: { intent, limit, cursor } }) => {
      const after = placeOf(cursor, ['text'])
      const rows = await findAgents(db, { intent, aliveWithinMs, limit: limit + 1, after })
      return pageOf<AgentView, AgentView>(
        rows,
        limit,
        ({ agent_id }) => [agent_id],
        (agent) => agent,
      )
    },
  )
}
