import { clientIdPattern, isSelectable, selectionOf } from '@journey/contracts'
import { clockSkewMs, happenedAt, type EventStore, type StoredEvent } from '@journey/event-store'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ServerResponse } from 'node:http'
import { atOrAfter } from '../instant.js'
import type { Feed } from '../events/feed.js'
import { readEvents, shownOf } from '../events/reading.js'
import { callerGone } from '../header.js'
import { answers } from '../openapi/document.js'
import { cursorOf, pageParameters, placeOf } from '../paging.js'
import { problem } from '../problems.js'

export type EventRoutes = {
  store: Pick<EventStore, 'readAll'>
  positionBefore: (at: string) => Promise<bigint | undefined>
  feed: Feed
  /** A reader that takes nothing for so long is let go; it may come back with `Last-Event-ID`. */
  patienceMs?: number
}

type Selection = { from?: string; type?: string; client_id?: string }

const selectionParameters = {
  from: {
    type: 'string',
    maxLength: 40,
    description:
      'A time (ISO 8601): events that happened then or later. Or the `position` of an event: those behind it',
  },
  type: { type: 'string', maxLength: 100, description: 'A type of event, or all of a family: `journey.*`' },
  client_id: { type: 'string', pattern: clientIdPattern.source },
} as const

const tags = ['events']

/** The index of times may be off by as much as the clocks are. */
const skewed = (at: string): string => new Date(Date.parse(at) - clockSkewMs).toISOString()

export const eventRoutes = (app: FastifyInstance, { store, positionBefore, feed, patienceMs }: EventRoutes): void => {
  app.get<{ Querystring: Selection & { limit: number; cursor?: string } }>(
    '/events',
    {
      schema: {
        tags,
        summary: 'Stored events in the order of the log, as they go over the bus',
        description:
          'A page looks at no more than 5,000 events: with a filter it may hold fewer than asked for, or none, and have a `next_cursor` all the same. `next_cursor` is null at the end of the log; `last_cursor` goes on from there later. The tokens of attempts are left out.',
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: { ...selectionParameters, ...pageParameters },
        },
        response: answers({ 200: 'EventPage' }),
      },
    },
    async ({ query: { limit, cursor, ...asked } }) => {
      const { from, type, client_id } = checked(asked)
      const place = placeOf(cursor, ['position'])
      const after = place ? BigInt(place[0]) : from.position
      const page = await readEvents(store, positionBefore, { from: from.at, after, type, client_id, limit })
      const last = page.position === undefined ? (cursor ?? null) : cursorOf([String(page.position)])
      return { items: page.items.map(({ event }) => event), next_cursor: page.isLast ? null : last, last_cursor: last }
    },
  )

  app.get<{ Querystring: Selection }>(
    '/events/live',
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: 'Events as they happen (server-sent events)',
        description:
          'Each with its position as `id`, its type as `event`, and the event as it goes over the bus as `data`. `Last-Event-ID` goes on behind that position, nothing lost or repeated; else `from` says where to begin, else with what happens from now on. A comment comes every 15 s in which nothing happens, with an `id` of its own. A reader that takes nothing for 15 s is let go, as all are when the server stops: come back with `Last-Event-ID`.',
        querystring: { type: 'object', additionalProperties: false, properties: selectionParameters },
        headers: { type: 'object', properties: { 'last-event-id': { type: 'string', pattern: '^\\d{0,20}$' } } },
        response: {
          ...answers({}),
          200: { description: 'Events', content: { 'text/event-stream': { schema: { type: 'string' } } } },
        },
      },
    },
    async (request, reply) => {
      const { from, type, client_id } = checked(request.query)
      const isMeant = selectionOf({ type, client_id })
      const lastSeen = request.headers['last-event-id']
      const resumed = typeof lastSeen === 'string' && lastSeen !== '' ? BigInt(lastSeen) : from.position
      const since = from.at === undefined ? undefined : ((await positionBefore(skewed(from.at))) ?? 0n)
      const first = from.at === undefined ? -Infinity : Date.parse(from.at)
      const gone = callerGone(reply)
      const frames = framesOf(
        feed.follow({ after: resumed ?? since, signal: gone }),
        (stored) => isMeant(stored) && Date.parse(happenedAt(stored)) >= first,
      )
      const greeting = await frames.next() // what is wrong with the store can be told as a problem until then
      reply.hijack()
      await send(reply, greeting, frames, gone, patienceMs)
    },
  )
}

/** Comments and events as they go over the wire. */
async function* framesOf(
  parts: ReturnType<Feed['follow']>,
  isMeant: (stored: StoredEvent) => boolean,
): AsyncGenerator<string, void, undefined> {
  for await (const { events, position } of parts) {
    const meant = events.filter(isMeant)
    for (const stored of meant) yield frameOf(stored)
    if (meant.length === 0) yield `: nothing of interest\nid: ${position}\n\n`
  }
  yield ': the server stops\n\n'
}

/** Written once for all who hear it. */
const frames = new WeakMap<StoredEvent, string>()

const frameOf = (stored: StoredEvent): string => {
  const known = frames.get(stored)
  if (known !== undefined) return known
  const shown = shownOf(stored)
  const frame = shown
    ? `id: ${shown.position}\nevent: ${shown.event.event_type}\ndata: ${JSON.stringify(shown.event)}\n\n`
    : ''
  frames.set(stored, frame)
  return frame
}

const send = async (
  reply: FastifyReply,
  greeting: IteratorResult<string, void>,
  frames: AsyncGenerator<string, void, undefined>,
  gone: AbortSignal,
  patienceMs = 15_000,
): Promise<void> => {
  const { raw } = reply
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream',
    connection: 'close', // a stop need not wait for what such a reader may ask next
  })
  try {
    raw.write('retry: 1000\n')
    for (let next = greeting; !next.done && !gone.aborted; next = await frames.next()) {
      if (raw.write(next.value) || (await drained(raw, gone, patienceMs))) continue
      raw.end(': too slow: come back with Last-Event-ID\n\n')
      setTimeout(() => raw.destroy(), patienceMs).unref()
      return
    }
  } catch {
    raw.write(': the event store is away: come back with Last-Event-ID\n\n')
  } finally {
    await frames.return()
    raw.end()
  }
}

/** Whether the reader took what was written before its time was up. */
const drained = (raw: ServerResponse, gone: AbortSignal, limitMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const end = (isDrained: boolean) => () => {
      clearTimeout(timer)
      raw.off('drain', onDrain)
      gone.removeEventListener('abort', onDrain)
      resolve(isDrained)
    }
    const onDrain = end(true)
    const timer = setTimeout(end(false), limitMs)
    raw.once('drain', onDrain)
    gone.addEventListener('abort', onDrain)
    if (gone.aborted) onDrain()
  })

/** @throws 422 `request/invalid` */
const checked = ({ from, type, client_id }: Selection) => {
  if (type !== undefined && !isSelectable(type))
    throw wrong('type', 'type must be a type of event, or a family such as journey.*')
  return { from: placeIn(from), type, client_id }
}

const placeIn = (from: string | undefined): { at?: string; position?: bigint } => {
  if (from === undefined) return {}
  if (/^\d{1,20}$/.test(from)) return { position: BigInt(from) }
  const at = atOrAfter(from)
  if (/^\d{4}-\d\d-\d\d([T ]|$)/.test(from) && at.getUTCFullYear() >= 1970 && at.getUTCFullYear() < 10_000)
    return { at: at.toISOString() }
  throw wrong('from', 'from must be a time (2026-01-27T10:30:00Z) or the position of an event')
}

const wrong = (field: string, message: string) =>
  problem(422, 'request/invalid', message, [{ field, code: field, message }])
