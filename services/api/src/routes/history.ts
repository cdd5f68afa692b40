import { domainEventOf, storedTypeOf } from '@journey/contracts'
import { Journey } from '@journey/domain'
import {
  historyOf,
  journeyEventsUntil,
  positionAt,
  type Database,
  type HistoryRow,
  type Moment,
} from '@journey/read-model'
import type { FastifyInstance } from 'fastify'
import type { TheJourney } from '../journeys/the-journey.js'
import { answers } from '../openapi/document.js'
import { cursorOf, pageOf, pageParameters, placeOf } from '../paging.js'
import { problem } from '../problems.js'
import { freshnessParameter } from '../journeys/freshness.js'

type Query = { as_of?: string; min_revision?: number; limit: number; cursor?: string }

export const historyRoutes = (app: FastifyInstance, db: Database['db'], theJourney: TheJourney): void => {
  app.get<{ Params: { client_id: string }; Querystring: Query }>(
    '/journeys/:client_id/history',
    {
      schema: {
        tags: ['journeys'],
        summary: 'Everything that happened to the journey and its units of work, and its state at a moment',
        params: { type: 'object', properties: { client_id: { type: 'string' } } },
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            as_of: {
              type: 'string',
              maxLength: 40,
              description: "A time (ISO 8601), or a revision of the journey's stream: history and state up to then",
            },
            ...freshnessParameter,
            ...pageParameters,
          },
        },
        response: answers({ 200: 'History' }),
      },
    },
    async (request, reply) => {
      const { as_of, limit, cursor } = request.query
      const after = placeOf(cursor, ['position', 'revision'])
      const moment = as_of === undefined ? undefined : momentOf(as_of)
      const { client_id } = await theJourney(request, reply)
      const until = moment && (await positionAt(db, client_id, moment))
      if (moment && 'revision' in moment && until === undefined)
        throw problem(404, 'journey/revision_unknown', `The journey of ${client_id} has no revision ${moment.revision}`)
      const state = moment ? await stateAt(db, client_id, until) : null
      const rows =
        moment && until === undefined
          ? []
          : await historyOf(db, { clientId: client_id, until, limit: limit + 1, after })
      const placed = ({ position, revision }: HistoryRow) => [position, revision]
      const page = pageOf(rows, limit, placed, viewOf)
      const last = rows.slice(0, limit).at(-1)
      return { state, ...page, last_cursor: last ? cursorOf(placed(last)) : (cursor ?? null) }
    },
  )
}

/** @throws 422 `request/invalid` */
const momentOf = (text: string): Moment => {
  if (/^\d{1,15}$/.test(text)) return { revision: Number(text) }
  if (/^\d{4}-\d\d-\d\d([T ]|$)/.test(text) && !Number.isNaN(Date.parse(text)))
    return { at: new Date(text).toISOString() }
  const message = 'as_of must be a time (2026-01-27T10:30:00Z) or a revision'
  throw problem(422, 'request/invalid', message, [{ field: 'as_of', code: 'as_of', message }])
}

/** The journey as its own events say it was; the state of one never started before the first of them. */
const stateAt = async (db: Database['db'], clientId: string, until: string | undefined): Promise<object> => {
  const rows = until === undefined ? [] : await journeyEventsUntil(db, clientId, until)
  const state = Journey.fold(
    rows.flatMap(({ event_type, version, data }) => {
      const event = domainEventOf({ type: storedTypeOf(event_type) ?? event_type, data, metadata: { version } })
      return event ? [event as Journey.Event] : []
    }),
  )
  return { ...state, revision: rows.at(-1)?.revision ?? null }
}

const viewOf = ({ client_id: _, at, version, data, ...row }: HistoryRow) => ({
  ...row,
  event_version: version,
  timestamp: at,
  reason: data.reason ?? null,
  results: data.exit_criteria_results ?? data.results ?? null,
  data,
})
