import { manifestsIn, type Manifest, type Storage } from '@journey/archive'
import {
  archiveJobOf,
  archiveJobUnderWay,
  endArchiveJob,
  findArchiveJobs,
  requestArchiveJob,
  type ArchiveJobKind,
  type ArchiveJobOptions,
  type ArchiveJobRow,
  type Database,
} from '@journey/read-model'
import { codeOf } from '@journey/runtime'
import type { FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import { actorOf } from '../actor.js'
import { answers } from '../openapi/document.js'
import { isUuid, pageOf, pageParameters, placeOf } from '../paging.js'
import { problem } from '../problems.js'

const day = { type: 'string', format: 'date', description: 'A UTC day such as 2026-01-27, included' } as const
const part = {
  from: day,
  to: day,
  category: {
    type: 'string',
    minLength: 1,
    maxLength: 100,
    description: '`journey`, `unit_of_work`, `agent`, `received`',
  },
} as const

const wanted = {
  type: 'object',
  additionalProperties: false,
  required: ['kind'],
  properties: {
    kind: {
      type: 'string',
      enum: ['run', 'verify', 'restore'] satisfies ArchiveJobKind[],
      description:
        '`run`: archive what is old enough; `verify`: read the archive and hold it against its checksums; `restore`: put archived events back into the event store',
    },
    older_than_days: {
      type: 'integer',
      minimum: 0,
      maximum: 36_500,
      description:
        '`run`: only whole days that ended so long ago; 0: all that is stored. Default: JOURNEY_ARCHIVE_AFTER_DAYS',
    },
    ...part,
  },
} as const

const params = { type: 'object', properties: { id: { type: 'string' } } }

/** @param storage undefined where nothing is archived */
export const archiveRoutes = (app: FastifyInstance, db: Database['db'], storage: Storage | undefined): void => {
  app.get<{ Querystring: { from?: string; to?: string; category?: string } }>(
    '/archive',
    {
      schema: {
        tags: ['archive'],
        summary: 'What is archived, day by day',
        querystring: { type: 'object', additionalProperties: false, properties: part },
        response: answers({ 200: 'ArchiveList' }),
      },
    },
    async ({ query }) => {
      const days = new Map<string, ArchivedDay>()
      for await (const manifest of manifestsIn(configured(storage), query)) count(days, manifest, query.category)
      return { items: [...days.values()] }
    },
  )

  app.post<{ Body: { kind: ArchiveJobKind } & ArchiveJobOptions }>(
    '/archive/jobs',
    {
      schema: {
        tags: ['archive'],
        summary: 'Archive, verify or restore; one job at a time',
        body: wanted,
        response: answers({ 202: 'ArchiveJob' }),
      },
    },
    async (request, reply) => {
      configured(storage)
      const { kind, ...options } = request.body
      checkOptions(kind, options)
      const id = randomUUID()
      try {
        const job = await requestArchiveJob(db, { id, kind, options, requestedBy: actorOf(request) })
        return await reply.code(202).header('location', `/api/v1/archive/jobs/${id}`).send(view(job))
      } catch (error) {
        if (codeOf(error) !== 'database/duplicate') throw error
        const other = await archiveJobUnderWay(db)
        throw problem(
          409,
          'archive/another_under_way',
          `Another job works on the archive: wait for its end, or cancel it`,
          [],
          { links: other ? { job: `/api/v1/archive/jobs/${other.id}` } : {} },
        )
      }
    },
  )

  app.get<{ Querystring: { limit: number; cursor?: string } }>(
    '/archive/jobs',
    {
      schema: {
        tags: ['archive'],
        summary: 'Jobs on the archive, the latest first',
        querystring: { type: 'object', additionalProperties: false, properties: pageParameters },
        response: answers({ 200: 'ArchiveJobPage' }),
      },
    },
    async ({ query: { limit, cursor } }) => {
      const rows = await findArchiveJobs(db, { limit: limit + 1, after: placeOf(cursor, ['instant', 'uuid']) })
      return pageOf(rows, limit, ({ created_at, id }) => [created_at, id], view)
    },
  )

  app.get<{ Params: { id: string } }>(
    '/archive/jobs/:id',
    {
      schema: {
        tags: ['archive'],
        summary: 'A job, with how far it is',
        params,
        response: answers({ 200: 'ArchiveJob' }),
      },
    },
    async ({ params: { id } }) => view(await known(db, id)),
  )

  app.delete<{ Params: { id: string } }>(
    '/archive/jobs/:id',
    {
      schema: {
        tags: ['archive'],
        summary: 'Cancel a job; what it has archived or restored stays',
        params,
        response: answers({ 200: 'ArchiveJob' }),
      },
    },
    async ({ params: { id } }) => {
      const { state } = await known(db, id)
      const job = await endArchiveJob(db, id, { state: 'cancelled' })
      if (job) return view(job)
      throw problem(409, 'archive/job_ended', `The job is ${state} already`)
    },
  )
}

type ArchivedDay = { day: string; events: number; bytes: number; categories: Record<string, number> }

const count = (days: Map<string, ArchivedDay>, { day, files }: Manifest, category: string | undefined): void => {
  const so = days.get(day) ?? { day, events: 0, bytes: 0, categories: {} }
  for (const file of files) {
    if (category !== undefined && file.category !== category) continue
    so.events += file.events
    so.bytes += file.bytes
    so.categories[file.category] = (so.categories[file.category] ?? 0) + file.events
  }
  days.set(day, so)
}

const configured = (storage: Storage | undefined): Storage => {
  if (storage) return storage
  throw problem(
    409,
    'archive/not_configured',
    'There is no archive: set JOURNEY_ARCHIVE_URL to file:///a/folder or s3://a-bucket and start the api again',
  )
}

const checkOptions = (kind: ArchiveJobKind, options: ArchiveJobOptions): void => {
  const possible: readonly string[] = kind === 'run' ? ['older_than_days'] : ['from', 'to', 'category']
  const wrong = Object.keys(options).filter((name) => !possible.includes(name))
  if (wrong.length === 0) return
  const errors = wrong.map((field) => ({ field, code: 'unknown_field', message: `${field} says nothing to ${kind}` }))
  throw problem(422, 'request/invalid', errors.map(({ message }) => message).join('; '), errors)
}

const known = async (db: Database['db'], id: string): Promise<ArchiveJobRow> => {
  const job = isUuid(id) ? await archiveJobOf(db, id) : undefined
  if (job) return job
  throw problem(404, 'archive/job_unknown', 'There is no job on the archive with this id')
}

const view = ({
  id,
  kind,
  options,
  state,
  done,
  result,
  error,
  requested_by,
  created_at,
  updated_at,
  ended_at,
}: ArchiveJobRow) => ({
  ...{ id, kind, options, state, progress: { done, total: null }, result, error, requested_by },
  ...{ created_at, updated_at, ended_at },
})
