import { unitOfWorkStream } from '@journey/domain'
import { workOf, type Database, type WorkRow } from '@journey/read-model'
import type { FastifyInstance } from 'fastify'
import type { Desk } from '../desk.js'
import { callerGone } from '../header.js'
import { freshnessParameter, type Freshness } from '../journeys/freshness.js'
import { isCancelled } from '../journeys/waiting.js'
import { answers } from '../openapi/document.js'
import { problem } from '../problems.js'
import { serveCommand, type CommandRoute } from './commanding.js'

/** A unit of work as callers see it: the source's table knows no `cancelled`, callers do (DESIGN.md section 8). */
export const workView = (work: WorkRow) => ({ ...work, status: isCancelled(work) ? 'cancelled' : work.status })

const links: CommandRoute['links'] = ({ work_id = '' }) => ({ unit_of_work: `/api/v1/units-of-work/${work_id}` })

export const unitOfWorkRoutes = (app: FastifyInstance, db: Database['db'], desk: Desk, freshness: Freshness): void => {
  app.get<{ Params: { work_id: string }; Querystring: { min_revision?: number } }>(
    '/units-of-work/:work_id',
    {
      schema: {
        tags: ['units of work'],
        summary: 'A unit of work: its tasks with attempts, inputs and outputs',
        params: { type: 'object', properties: { work_id: { type: 'string' } } },
        querystring: { type: 'object', additionalProperties: false, properties: freshnessParameter },
        response: answers({ 200: 'UnitOfWork' }),
      },
    },
    async ({ params: { work_id }, query: { min_revision } }, reply) => {
      if (!isPossible(work_id)) throw unknown(work_id)
      await freshness.await(unitOfWorkStream(work_id), min_revision, callerGone(reply))
      const work = await workOf(db, work_id)
      if (!work) throw unknown(work_id)
      return reply.header('etag', `"${work.revision}"`).send(workView(work))
    },
  )

  const tag = 'units of work'
  const summary = { retry: 'Try failed tasks again', cancel: 'Cancel a unit of work' }
  serveCommand(app, desk, {
    url: '/units-of-work/:work_id/retry',
    type: 'unit_of_work.retry',
    tag,
    summary: summary.retry,
    links,
  })
  serveCommand(app, desk, {
    url: '/units-of-work/:work_id/cancel',
    type: 'unit_of_work.cancel',
    tag,
    summary: summary.cancel,
    links,
  })
}

const isPossible = (workId: string): boolean => workId.length <= 255 && !workId.includes('\0')

const unknown = (workId: string) =>
  problem(404, 'unit_of_work/unknown', `There is no unit of work ${workId.slice(0, 255)}`)
