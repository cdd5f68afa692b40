import { clientIdPattern, isOwnQueue, isSelectable } from '@journey/contracts'
import {
  findReplays,
  moveReplay,
  replayOf,
  replayUnderWay,
  requestReplay,
  type Database,
  type ReplayFilter,
  type ReplayMode,
  type ReplayMove,
  type ReplayRow,
  type ReplayState,
} from '@journey/read-model'
import { codeOf, type Detail } from '@journey/runtime'
import type { FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import { atOrAfter } from '../instant.js'
import { actorOf } from '../actor.js'
import { answers } from '../openapi/document.js'
import { isUuid, pageOf, pageParameters, placeOf } from '../paging.js'
import { problem } from '../problems.js'

const modes = ['rebuild', 'reprocess', 'redeliver'] as const satisfies ReplayMode[]
const states = ['running', 'paused', 'completed', 'failed', 'cancelled'] as const satisfies ReplayState[]

type Wanted = {
  consumer: string
  from: string
  to?: string
  mode?: ReplayMode
  filter?: ReplayFilter
  dry_run?: boolean
}

/** A queue's name and a replay's id make a routing key, which AMQP allows 255 bytes. */
const longestConsumer = 218

const wanted = {
  type: 'object',
  additionalProperties: false,
  required: ['consumer', 'from'],
  properties: {
    consumer: {
      type: 'string',
      minLength: 1,
      maxLength: longestConsumer,
      description: '`projector`, `notifier`, or the name of a queue that is not ours',
    },
    from: { type: 'string', format: 'date-time', description: 'Events that happened at this time or later' },
    to: { type: 'string', format: 'date-time', description: 'and before this one; all that are stored, if left out' },
    mode: {
      type: 'string',
      enum: modes,
      description: '`rebuild` or `reprocess` of the projector, `redeliver` to all others; the first is the default',
    },
    filter: {
      type: 'object',
      additionalProperties: false,
      properties: {
        type: { type: 'string', maxLength: 100, description: 'A type of event, or all of a family: `journey.*`' },
        client_id: { type: 'string', pattern: clientIdPattern.source },
      },
    },
    dry_run: { type: 'boolean', description: 'Count what there is to do, and do nothing' },
  },
} as const

const params = { type: 'object', properties: { id: { type: 'string' } } }

/** @param queueExists whether a queue of that name stands on the broker */
export const replayRoutes = (
  app: FastifyInstance,
  db: Database['db'],
  queueExists: (queue: string) => Promise<boolean>,
): void => {
  app.post<{ Body: Wanted }>(
    '/replays',
    {
      schema: {
        tags: ['replays'],
        summary: 'Replay stored events from a time on, to one consumer',
        description:
          'The time of an event is its `timestamp` as published. `rebuild` makes the whole read model anew beside the live one and swaps them; `reprocess` makes the rows of each stream with events in the window anew, in place; `redeliver` sends the events of the window again, in order, marked with `x-replay-id`. Progress counts events, with `reprocess` streams.',
        body: wanted,
        response: answers({ 202: 'Replay' }),
      },
    },
    async (request, reply) => {
      const { consumer, filter, dry_run: dryRun = false } = request.body
      const mode = request.body.mode ?? (consumer === 'projector' ? 'rebuild' : 'redeliver')
      const { from, to } = windowOf(request.body)
      checkFilter(filter)
      checkMode(consumer, mode, { isNarrowed: to !== undefined || Object.keys(filter ?? {}).length > 0 })
      if (consumer !== 'projector' && consumer !== 'notifier') await checkQueue(consumer, queueExists)
      const id = randomUUID()
      const requestedBy = actorOf(request)
      try {
        const replay = await requestReplay(db, { id, consumer, mode, from, to, filter, dryRun, requestedBy })
        return await reply.code(202).header('location', `/api/v1/replays/${id}`).send(view(replay))
      } catch (error) {
        if (codeOf(error) !== 'database/duplicate') throw error
        const other = await replayUnderWay(db, consumer)
        throw problem(
          409,
          'replay/another_under_way',
          `A replay of ${consumer} is ${other?.state ?? 'running'} already: wait for its end, or cancel it`,
          [],
          { links: other ? { replay: `/api/v1/replays/${other.id}` } : {} },
        )
      }
    },
  )

  app.get<{ Querystring: { state?: ReplayState; consumer?: string; limit: number; cursor?: string } }>(
    '/replays',
    {
      schema: {
        tags: ['replays'],
        summary: 'Replays, the latest first',
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            state: { type: 'string', enum: states },
            consumer: { type: 'string', maxLength: 255 },
            ...pageParameters,
          },
        },
        response: answers({ 200: 'ReplayPage' }),
      },
    },
    async ({ query: { state, consumer, limit, cursor } }) => {
      const after = placeOf(cursor, ['instant', 'uuid'])
      const rows = await findReplays(db, { state, consumer, limit: limit + 1, after })
      return pageOf(rows, limit, ({ created_at, id }) => [created_at, id], view)
    },
  )

  app.get<{ Params: { id: string } }>(
    '/replays/:id',
    {
      schema: {
        tags: ['replays'],
        summary: 'A replay, with how far it is',
        params,
        response: answers({ 200: 'Replay' }),
      },
    },
    async ({ params: { id } }) => view(await known(db, id)),
  )

  const move = async (id: string, by: ReplayMove) => {
    const { state } = await known(db, id)
    const moved = await moveReplay(db, id, by)
    if (moved) return view(moved)
    throw problem(409, 'replay/ended', `The replay is ${state}: start another one`)
  }

  for (const [by, summary] of [
    ['pause', 'Pause a replay; it stops within a second'],
    ['resume', 'Go on with a paused replay, from where it was'],
  ] as const)
    app.post<{ Params: { id: string } }>(
      `/replays/:id/${by}`,
      { schema: { tags: ['replays'], summary, params, response: answers({ 200: 'Replay' }) } },
      ({ params: { id } }) => move(id, by),
    )

  app.delete<{ Params: { id: string } }>(
    '/replays/:id',
    {
      schema: {
        tags: ['replays'],
        summary: 'Cancel a replay; what it left half-done is taken away',
        params,
        response: answers({ 200: 'Replay' }),
      },
    },
    ({ params: { id } }) => move(id, 'cancel'),
  )
}

const known = async (db: Database['db'], id: string): Promise<ReplayRow> => {
  const replay = isUuid(id) ? await replayOf(db, id) : undefined
  if (replay) return replay
  throw problem(404, 'replay/unknown', 'There is no replay with this id')
}

const view = (replay: ReplayRow) => {
  const { id, consumer, mode, from_at, to_at, filter, dry_run, state, done, total, error } = replay
  const { requested_by, created_at, updated_at, ended_at } = replay
  const progress = { done, total }
  return {
    ...{ id, consumer, mode, from: from_at, to: to_at, filter, dry_run, state, progress, error },
    ...{ requested_by, created_at, updated_at, ended_at },
  }
}

/** The window, in UTC. @throws 422 `request/invalid`, `replay/from_in_future`, `replay/window_empty` */
const windowOf = (body: Wanted): { from: string; to: string | undefined } => {
  const from = instantOf('from', body.from)
  const to = body.to === undefined ? undefined : instantOf('to', body.to)
  if (Date.parse(from) > Date.now())
    throw wrong('from', 'replay/from_in_future', `from lies in the future: ${from}. Nothing has happened since then`)
  if (to !== undefined && to <= from)
    throw wrong('to', 'replay/window_empty', `to (${to}) must be later than from (${from})`)
  return { from, to }
}

/** The schema lets leap seconds pass, and years that PostgreSQL and EventStoreDB never saw. */
const instantOf = (field: string, text: string): string => {
  const at = atOrAfter(text)
  if (at.getUTCFullYear() >= 1970 && at.getUTCFullYear() < 10_000) return at.toISOString()
  throw wrong(field, 'request/invalid', `${field} must be a time after 1970, such as 2026-01-27T10:00:00Z`)
}

const checkFilter = (filter: ReplayFilter = {}): void => {
  if (filter.type === undefined || isSelectable(filter.type)) return
  throw wrong('filter.type', 'request/invalid', `filter.type must be a type of event or a family such as journey.*`)
}

/** Whole tables are rebuilt from whole streams: a part of the events would lead to other rows. */
const checkMode = (consumer: string, mode: ReplayMode, { isNarrowed }: { isNarrowed: boolean }): void => {
  const possible = consumer === 'projector' ? ['rebuild', 'reprocess'] : ['redeliver']
  if (!possible.includes(mode))
    throw wrong('mode', 'replay/mode_not_possible', `${consumer} knows no ${mode}; it knows ${possible.join(' and ')}`)
  if (mode === 'rebuild' && isNarrowed)
    throw wrong(
      'mode',
      'replay/rebuild_not_partial',
      'A rebuild makes the whole read model anew: leave out to and filter, or take the mode reprocess',
    )
}

const checkQueue = async (queue: string, exists: (queue: string) => Promise<boolean>): Promise<void> => {
  if (isOwnQueue(queue))
    throw wrong(
      'consumer',
      'replay/consumer_not_possible',
      `${queue} is a queue of our own services, which would act on the events a second time: take projector, notifier or a queue of yours`,
    )
  const found = await exists(queue).catch((error: unknown) => {
    if (codeOf(error) !== 'broker/locked') throw error
    throw wrong('consumer', 'replay/consumer_not_possible', `${queue} is exclusive to the connection that declared it`)
  })
  if (!found)
    throw wrong(
      'consumer',
      'replay/consumer_unknown',
      `There is no consumer and no queue named ${queue}: take projector, notifier, or declare the queue first`,
    )
}

const wrong = (field: string, code: string, message: string) => {
  const detail: Detail = { field, code: code.split('/')[1]!, message }
  return problem(422, code, message, [detail])
}
