import {
  findKnowledgeShares,
  findNotifications,
  findPatterns,
  findReceivedEvents,
  type Before,
  type Database,
} from '@journey/read-model'
import type { FastifyInstance } from 'fastify'
import { answers } from '../openapi/document.js'
import { pageOf, pageParameters, placeOf } from '../paging.js'

type Query = Readonly<Record<string, string | undefined>>
type PageWanted = { limit: number; before: Before | undefined }
type Row = { position: string; revision: number }
type List = {
  url: string
  summary: string
  page: string
  /** What the list can be narrowed to, and what to say of it where the name does not say it. */
  filters: Readonly<Record<string, string>>
  find: (db: Database['db'], query: Query, page: PageWanted) => Promise<Row[]>
}

const lists: List[] = [
  {
    url: '/received-events',
    summary: 'Recorded events of others, of every type, the latest first',
    page: 'ReceivedEventPage',
    filters: { type: 'A type of event, or all of a family: `knowledge.*`', source: 'Who published it' },
    find: (db, { type, source }, page) => findReceivedEvents(db, { type, source, ...page }),
  },
  {
    url: '/knowledge-shares',
    summary: 'What agents of others shared (`knowledge.shared`), the latest first',
    page: 'KnowledgeSharePage',
    filters: { knowledge_id: '', agent_id: 'Who shared it, or with whom it was shared', domain: '' },
    find: (db, { knowledge_id: knowledgeId, agent_id: agentId, domain }, page) =>
      findKnowledgeShares(db, { knowledgeId, agentId, domain, ...page }),
  },
  {
    url: '/patterns',
    summary: 'What agents of others learned (`pattern.learned`), the latest first',
    page: 'PatternPage',
    filters: { pattern_id: '', agent_id: 'Who learned it', pattern_type: '' },
    find: (db, { pattern_id: patternId, agent_id: agentId, pattern_type: patternType }, page) =>
      findPatterns(db, { patternId, agentId, patternType, ...page }),
  },
  {
    url: '/notifications',
    summary: 'What others said of notifications (`notification.*`), the latest first',
    page: 'NotificationPage',
    filters: { type: 'A type of event', channel: '' },
    find: (db, { type, channel }, page) => findNotifications(db, { type, channel, ...page }),
  },
]

/** Lists of what others published, once recorded. */
export const othersRoutes = (app: FastifyInstance, db: Database['db']): void => {
  for (const { url, summary, page, filters, find } of lists)
    app.get<{ Querystring: Query & { limit: number; cursor?: string } }>(
      url,
      {
        schema: {
          tags: ['events of others'],
          summary,
          querystring: {
            type: 'object',
            additionalProperties: false,
            properties: { ...Object.fromEntries(Object.entries(filters).map(filterParameter)), ...pageParameters },
          },
          response: answers({ 200: page }),
        },
      },
      async ({ query: { limit, cursor, ...filter } }) => {
        const before = placeOf(cursor, ['position', 'revision'])
        const rows = await find(db, filter, { limit: limit + 1, before })
        return pageOf<Row, Row>(
          rows,
          limit,
          ({ position, revision }) => [position, revision],
          (row) => row,
        )
      },
    )
}

const filterParameter = ([name, description]: [string, string]): [string, object] => [
  name,
  { type: 'string', maxLength: 255, pattern: '^[^\\u0000]+$', ...(description !== '' && { description }) },
]
