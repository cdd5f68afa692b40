import { clientIdPattern } from '@journey/contracts'
import { findApprovals, type ApprovalRow, type Database } from '@journey/read-model'
import type { FastifyInstance } from 'fastify'
import type { Desk } from '../desk.js'
import { answers } from '../openapi/document.js'
import { pageOf, pageParameters, placeOf } from '../paging.js'
import { serveCommand } from './commanding.js'

export const approvalRoutes = (app: FastifyInstance, db: Database['db'], desk: Desk): void => {
  app.get<{ Querystring: { open?: boolean; client_id?: string; limit: number; cursor?: string } }>(
    '/approvals',
    {
      schema: {
        tags: ['approvals'],
        summary: 'Decisions asked of people, the oldest first',
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            open: { type: 'boolean', description: 'Only those that wait for a decision, or only the others' },
            client_id: { type: 'string', pattern: clientIdPattern.source },
            ...pageParameters,
          },
        },
        response: answers({ 200: 'ApprovalPage' }),
      },
    },
    async ({ query: { open, client_id, limit, cursor } }) => {
      const after = placeOf(cursor, ['instant', 'text', 'text'])
      const rows = await findApprovals(db, { open, clientId: client_id, limit: limit + 1, after })
      return pageOf<ApprovalRow, ApprovalRow>(
        rows,
        limit,
        ({ asked_at, work_id, task_id }) => [asked_at, work_id, task_id],
        (approval) => approval,
      )
    },
  )

  serveCommand(app, desk, {
    url: '/approvals/:work_id/:task_id',
    type: 'approval.decide',
    tag: 'approvals',
    summary: 'Approve or reject',
    links: ({ work_id = '' }) => ({ unit_of_work: `/api/v1/units-of-work/${work_id}` }),
  })
}
