import { clientIdPattern } from '@journey/contracts'
import type { JsonObject } from '@journey/domain'
import {
  deadLetterGroups,
  deadLetterJobOf,
  deadLetterOf,
  endDeadLetterJob,
  findDeadLetters,
  parkedStreamIn,
  parkedStreamOf,
  requestDeadLetterJob,
  type Database,
  type DeadLetterEntry,
  type DeadLetterFilter,
  type DeadLetterJob,
  type DeadLetterState,
} from '@journey/read-model'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { randomUUID } from 'node:crypto'
import { atOrAfter } from '../instant.js'
import { actorOf } from '../actor.js'
import { answers } from '../openapi/document.js'
import { isUuid, pageOf, pageParameters, placeOf } from '../paging.js'
import { problem } from '../problems.js'
import type { Triage } from '../triage/triage.js'
import { jobView, messageView, streamView } from '../triage/view.js'

/** A filter as callers write it. */
export type AskedFilter = {
  state?: DeadLetterState
  queue?: string
  code?: string
  type?: string
  client_id?: string
  since?: string
  q?: string
  group?: string
}

const text = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' } as const

export const filterParameters = {
  state: { type: 'string', enum: ['open', 'retrying', 'resolved', 'discarded'] },
  queue: { ...text, description: 'The work queue it died in; `projector` for parked streams' },
  code: { ...text, description: 'The error code' },
  type: { ...text, description: 'The type of command or event, or the intent' },
  client_id: { type: 'string', pattern: clientIdPattern.source },
  since: { type: 'string', format: 'date-time', description: 'Died at this time or later' },
  q: { ...text, description: 'Part of the message, the ids or the body' },
  group: { ...text, description: 'The `group` of a cause' },
} as const

const tags = ['dead letters']
const params = { type: 'object', properties: { id: { type: 'string' } } } as const
const reason = { type: 'string', minLength: 1, maxLength: 2000, pattern: '^[^\\u0000]*$' } as const
const dryRun = { type: 'boolean', description: 'Tell what it would come to, and do nothing' } as const
const body = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
})

type Paged = { limit: number; cursor?: string }
type Id = { id: string }

export const deadLetterRoutes = (app: FastifyInstance, db: Database['db'], triage: Triage): void => {
  jobRoutes(app, db, triage)
  app.get<{ Querystring: AskedFilter & Paged }>(
    '/dead-letters',
    {
      schema: {
        tags,
        summary: 'Messages that nobody could handle, and streams that were put aside; the one that died last first',
        querystring: body({ ...filterParameters, ...pageParameters }),
        response: answers({ 200: 'DeadLetterPage' }),
      },
    },
    async ({ query: { limit, cursor, ...asked } }) => {
      const after = placeOf(cursor, ['instant', 'text'])
      const rows = await findDeadLetters(db, { ...filterOf(asked), limit: limit + 1, after })
      return pageOf<DeadLetterEntry, DeadLetterEntry>(
        rows,
        limit,
        ({ last_at, id }) => [last_at, id],
        (entry) => entry,
      )
    },
  )

  app.get<{ Querystring: AskedFilter & { limit: number } }>(
    '/dead-letters/groups',
    {
      schema: {
        tags,
        summary:
          'The causes of dead letters: code, queue, and message without ids and numbers; the most frequent first',
        querystring: body({ ...filterParameters, limit: pageParameters.limit }),
        response: answers({ 200: 'DeadLetterGroups' }),
      },
    },
    async ({ query: { limit, ...asked } }) => ({
      items: await deadLetterGroups(db, { ...filterOf(asked), limit }),
      next_cursor: null,
    }),
  )

  app.get<{ Params: Id }>(
    '/dead-letters/:id',
    {
      schema: {
        tags,
        summary: 'One of them, whole: body, headers, the way it took, earlier tries, and who did what with it',
        params,
        response: answers({ 200: 'DeadLetter' }),
      },
    },
    async ({ params: { id } }) => {
      const stream = parkedStreamIn(id)
      if (stream !== undefined) {
        const parked = await parkedStreamOf(db, stream)
        if (parked) return streamView(parked)
      }
      const found = isUuid(id) ? await deadLetterOf(db, id) : undefined
      if (found) return messageView(found)
      throw problem(404, 'dead_letter/unknown', 'There is no dead letter with this id; closed ones are kept for 7 days')
    },
  )

  app.post<{ Params: Id; Body: { reason?: string; dry_run?: boolean } }>(
    '/dead-letters/:id/retry',
    {
      preValidation: optionalBody,
      schema: {
        tags,
        summary: 'Send a message back to where it died, or try a parked stream again',
        description:
          'It is `resolved` once its consumer has settled it; one that dies again is `open` again with one try more. With `dry_run` it is done and taken back: the answer tells what would be written, refused or sent, and nothing is, no try counts, and no action is noted.',
        params,
        body: body({ reason, dry_run: dryRun }),
        response: answers({ 200: 'DeadLetterForecast', 202: 'DeadLetterActing' }),
      },
    },
    async (request, reply) => {
      if (request.body.dry_run === true) return triage.foresee(request.params.id)
      const acting = await triage.retry(request.params.id, byOf(request))
      return reply.code(202).send(acting)
    },
  )

  app.post<{ Params: Id; Body: { reason: string } }>(
    '/dead-letters/:id/discard',
    {
      preValidation: optionalBody,
      schema: {
        tags,
        summary: 'Close it unsettled, for a reason',
        params,
        body: body({ reason }, ['reason']),
        response: answers({ 200: 'DeadLetterActing' }),
      },
    },
    (request) => triage.discard(request.params.id, byOf(request)),
  )

  app.patch<{ Params: Id; Body: { body: JsonObject; reason?: string } }>(
    '/dead-letters/:id',
    {
      schema: {
        tags,
        summary: 'Mend a command before its retry',
        description:
          'The mended command is a new one: it gets a `command_id` of its own unless it brings one. Events and tasks are never edited.',
        params,
        body: body({ body: { type: 'object', additionalProperties: true }, reason }, ['body']),
        response: answers({ 200: 'DeadLetterActing' }),
      },
    },
    (request) => triage.edit(request.params.id, request.body.body, byOf(request)),
  )
}

const jobRoutes = (app: FastifyInstance, db: Database['db'], triage: Triage): void => {
  app.post<{ Body: { filter: AskedFilter; rate?: string; stop_after?: number; reason?: string; dry_run?: boolean } }>(
    '/dead-letters/retry',
    {
      schema: {
        tags,
        summary: 'Retry every open one that a filter leaves',
        description:
          'A job: its set is frozen now, each is retried once, and it goes on after a crash. It stops once `stop_after` of them have failed again. With `dry_run` the first 100 are foreseen instead, each for itself on the state as it is now, and nothing is retried.',
        body: body(
          {
            filter: body(filterParameters),
            // A number is taken too: it is read as its text.
            rate: {
              type: 'string',
              pattern: '^[1-9]\\d{0,3}(/s)?$',
              description: 'At most so many per second, such as 50/s',
              default: defaultRate,
            },
            stop_after: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 20 },
            reason,
            dry_run: dryRun,
          },
          ['filter'],
        ),
        response: answers({ 200: 'DeadLetterForecasts', 202: 'DeadLetterJob' }),
      },
    },
    async (request, reply) => {
      const { filter, rate = defaultRate, stop_after = 20, dry_run = false } = request.body
      if (dry_run) return triage.foreseeMany(filterOf(filter))
      const { actor, reason } = byOf(request)
      const job = await requestDeadLetterJob(db, {
        id: randomUUID(),
        filter: filterOf(filter),
        asked: filter,
        rate: Number.parseInt(rate, 10),
        stopAfter: stop_after,
        reason,
        requestedBy: actor,
      })
      return reply.code(202).header('location', `/api/v1/dead-letters/jobs/${job.id}`).send(jobView(job))
    },
  )

  const answer = (job: DeadLetterJob | undefined) => {
    if (job) return jobView(job)
    throw problem(404, 'dead_letter/job_unknown', 'There is no such job, or none that could be cancelled')
  }
  app.get<{ Params: Id }>(
    '/dead-letters/jobs/:id',
    { schema: { tags, summary: 'How far a retry of many is', params, response: answers({ 200: 'DeadLetterJob' }) } },
    async ({ params: { id } }) => answer(isUuid(id) ? await deadLetterJobOf(db, id) : undefined),
  )
  app.delete<{ Params: Id }>(
    '/dead-letters/jobs/:id',
    {
      schema: {
        tags,
        summary: 'Cancel a retry of many; what was not retried yet stays open',
        params,
        response: answers({ 200: 'DeadLetterJob' }),
      },
    },
    async ({ params: { id } }) => answer(isUuid(id) ? await endDeadLetterJob(db, id, 'cancelled') : undefined),
  )
}

const defaultRate = '50/s'

export const filterOf = ({ client_id, since, ...asked }: AskedFilter): DeadLetterFilter => ({
  ...asked,
  clientId: client_id,
  since: since === undefined ? undefined : momentOf(since),
})

/** The schema lets leap seconds pass, and years that PostgreSQL or ISO 8601 do not know. @throws 422 `request/invalid` */
const momentOf = (since: string): string => {
  const at = atOrAfter(since)
  if (at.getUTCFullYear() >= 1 && at.getUTCFullYear() < 10_000) return at.toISOString()
  const message = 'since must be a time, such as 2026-01-27T10:00:00Z'
  throw problem(422, 'request/invalid', message, [{ field: 'since', code: 'since', message }])
}

export const byOf = (request: FastifyRequest<{ Body: { reason?: string } }>) => ({
  actor: actorOf(request),
  reason: request.body.reason ?? null,
})

/** Nothing said is nothing to say. */
export const optionalBody = (request: FastifyRequest, _reply: unknown, done: () => void): void => {
  request.body ??= {}
  done()
}
