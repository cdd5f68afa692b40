import { stages, type Stage, type StageId, type Verdict } from '@journey/domain'
import {
  evaluationsOf,
  findJourneys,
  journeyOrders,
  transitionsOf,
  worksOf,
  type Database,
  type EvaluationRow,
  type JourneyOrder,
  type JourneyRow,
  type TransitionRow,
} from '@journey/read-model'
import type { FastifyInstance } from 'fastify'
import { factsOf } from '../journeys/facts.js'
import { freshnessParameter } from '../journeys/freshness.js'
import type { TheJourney } from '../journeys/the-journey.js'
import { explain, outlook, waitingFor, type Facts } from '../journeys/waiting.js'
import { answers } from '../openapi/document.js'
import { pageOf, pageParameters, placeOf } from '../paging.js'
import { workView } from './units-of-work.js'

type Client = { client_id: string }
type Fresh = { min_revision?: number }
type Paged = { limit: number; cursor?: string }

const params = { type: 'object', properties: { client_id: { type: 'string' } } }
const query = (properties: object) => ({ type: 'object', additionalProperties: false, properties })

/** Stage durations are targets: a longer stay is shown, and stops nothing. */
const overdue = ({ status, stage, stage_started_at }: JourneyRow, targets: readonly Stage[]) => {
  const days = targets.find(({ stage_id }) => stage_id === stage)?.duration_target_days ?? null
  const due = days === null ? null : Date.parse(stage_started_at) + days * dayMs
  return {
    stage_due_at: due === null ? null : new Date(due).toISOString(),
    overdue: status === 'active' && due !== null && due < Date.now(),
  }
}

const dayMs = 86_400_000

const view = (journey: JourneyRow, facts: Facts, targets: readonly Stage[]) => ({
  ...journey,
  ...overdue(journey, targets),
  waiting_for: explain(journey, facts).map(waitingFor),
})

export const journeyRoutes = (
  app: FastifyInstance,
  db: Database['db'],
  theJourney: TheJourney,
  targets: readonly Stage[],
): void => {
  app.get<{ Querystring: Paged & { stage?: string; status?: string; q?: string; sort: string } }>(
    '/journeys',
    {
      schema: {
        tags: ['journeys'],
        summary: 'Journeys: one per client, its latest episode',
        querystring: query({
          stage: {
            type: 'string',
            enum: [...stages, 'rollback', 'completed', 'cancelled'],
            description: '`current_stage`',
          },
          status: { type: 'string', enum: ['active', 'rolling_back', 'completed', 'cancelled'] },
          q: {
            type: 'string',
            minLength: 1,
            maxLength: 255,
            pattern: '^[^\\u0000]*$',
            description: "Part of the client's id",
          },
          sort: {
            type: 'string',
            enum: journeyOrders.flatMap((order) => [order, `-${order}`]),
            default: '-updated_at',
            description: '`-` for descending',
          },
          ...pageParameters,
        }),
        response: answers({ 200: 'JourneyPage' }),
      },
    },
    async ({ query: { stage, status, q, sort, limit, cursor } }) => {
      const descending = sort.startsWith('-')
      const order = (descending ? sort.slice(1) : sort) as JourneyOrder
      const after = placeOf(cursor, [order === 'client_id' ? 'text' : 'instant', 'text'])
      const rows = await findJourneys(db, { stage, status, q, order, descending, limit: limit + 1, after })
      const facts = await factsOf(
        db,
        rows.slice(0, limit).map(({ client_id }) => client_id),
      )
      return pageOf(
        rows,
        limit,
        (journey) => [journey[order], journey.client_id],
        (journey) => view(journey, facts, targets),
      )
    },
  )

  app.get<{ Params: Client; Querystring: Fresh }>(
    '/journeys/:client_id',
    {
      schema: {
        tags: ['journeys'],
        summary: "A client's journey and what it waits for",
        params,
        querystring: query(freshnessParameter),
        response: answers({ 200: 'Journey' }),
      },
    },
    async (request, reply) => {
      const journey = await theJourney(request, reply)
      return view(journey, await factsOf(db, [journey.client_id]), targets)
    },
  )

  app.get<{ Params: Client; Querystring: Fresh }>(
    '/journeys/:client_id/why',
    {
      schema: {
        tags: ['journeys'],
        summary: 'Why the journey waits, who must act, and what happens next and when',
        params,
        querystring: query(freshnessParameter),
        response: answers({ 200: 'Why' }),
      },
    },
    async (request, reply) => {
      const journey = await theJourney(request, reply)
      const { client_id, stage, status } = journey
      const waiting_for = explain(journey, await factsOf(db, [client_id]))
      return { client_id, stage, status, waiting_for, next: outlook(journey) }
    },
  )

  app.get<{ Params: Client; Querystring: Fresh & Paged }>(
    '/journeys/:client_id/transitions',
    {
      schema: {
        tags: ['journeys'],
        summary: 'From stage to stage, the oldest first',
        params,
        querystring: query({ ...freshnessParameter, ...pageParameters }),
        response: answers({ 200: 'TransitionPage' }),
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const after = placeOf(cursor, ['revision'])
      const { client_id } = await theJourney(request, reply)
      const rows = await transitionsOf(db, { clientId: client_id, limit: limit + 1, after })
      return pageOf<TransitionRow, TransitionRow>(
        rows,
        limit,
        ({ revision }) => [revision],
        (transition) => transition,
      )
    },
  )

  app.get<{ Params: Client; Querystring: Fresh & Paged & { stage?: string } }>(
    '/journeys/:client_id/units-of-work',
    {
      schema: {
        tags: ['journeys', 'units of work'],
        summary: "The journey's units of work in the order of their creation",
        params,
        querystring: query({ stage: { type: 'string', enum: [...stages] }, ...freshnessParameter, ...pageParameters }),
        response: answers({ 200: 'UnitOfWorkPage' }),
      },
    },
    async (request, reply) => {
      const { stage, limit, cursor } = request.query
      const after = placeOf(cursor, ['instant', 'text'])
      const { client_id } = await theJourney(request, reply)
      const rows = await worksOf(db, { clientId: client_id, stage, limit: limit + 1, after })
      return pageOf(rows, limit, ({ created_at, work_id }) => [created_at, work_id], workView)
    },
  )

  app.get<{ Params: Client; Querystring: Fresh }>(
    '/journeys/:client_id/exit-criteria',
    {
      schema: {
        tags: ['journeys'],
        summary: 'The gate of the present visit, and the latest evaluations',
        params,
        querystring: query(freshnessParameter),
        response: answers({ 200: 'ExitCriteria' }),
      },
    },
    async (request, reply) => {
      const { client_id, episode, stage, visit, gate } = await theJourney(request, reply)
      const evaluations = evaluationsIn(await evaluationsOf(db, client_id, shownEvaluations))
      return { client_id, episode, stage, visit, gate, checks: gate.last?.exit_criteria_details ?? [], evaluations }
    },
  )
}

const shownEvaluations = 20

type Evaluation = Pick<EvaluationRow, 'revision' | 'episode' | 'visit' | 'n' | 'work_id' | 'evaluated_at'> & {
  stage: StageId
  verdict: Verdict
  checks: Pick<EvaluationRow, 'check_id' | 'name' | 'verdict' | 'passed' | 'comparisons' | 'message'>[]
}

/** Rows of checks as evaluations, in the order in which the rows come. */
const evaluationsIn = (rows: readonly EvaluationRow[]): Evaluation[] => {
  const found = new Map<number, Evaluation>()
  for (const { revision, episode, stage, visit, n, work_id, evaluated_at, ...row } of rows) {
    const { check_id, name, verdict, passed, comparisons, message } = row
    const evaluation = found.get(revision) ?? {
      revision,
      episode,
      stage,
      visit,
      n,
      work_id,
      evaluated_at,
      verdict,
      checks: [],
    }
    evaluation.checks.push({ check_id, name, verdict, passed, comparisons, message })
    evaluation.verdict = worseOf(evaluation.verdict, verdict)
    found.set(revision, evaluation)
  }
  return [...found.values()]
}

/** One check decides for all: the worst. */
const worseOf = (a: Verdict, b: Verdict): Verdict => (worst.indexOf(a) < worst.indexOf(b) ? a : b)
const worst: Verdict[] = ['fail', 'error', 'inconclusive', 'pending', 'pass']
