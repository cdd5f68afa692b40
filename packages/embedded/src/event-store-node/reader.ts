import { ask, type Queryable } from './postgres-session.js'
import { headAfter, noHead, type Head, type StreamView } from './heads.js'
import { oldestVisibleTime, firstVisibleRevision } from './stream-metadata.js'
import type { RecordedEvent } from './recorded-event.js'

type EventRow = [
  position: bigint,
  stream: string,
  revision: bigint,
  id: string,
  type: string,
  isJson: boolean,
  created: bigint,
  data: Buffer,
  metadata: Buffer,
]

const toEvent = ([position, stream, revision, id, type, isJson, created, data, metadata]: EventRow): RecordedEvent => ({
  position,
  stream,
  revision,
  id,
  type,
  isJson,
  created,
  data,
  metadata,
})

/** One page holds at most so many events, and ends once so many bytes are reached, so that a reader costs bounded memory. */
export const pageEvents = 500
const pageBytes = 1 << 20

const size = 'octet_length(data) + octet_length(metadata)'
const columns = 'position, name, revision, event_id, type, is_json, created, data, metadata'

/** A page of events picked by `where`, in the order named; `$1` and `$2` are the most events and bytes. */
const page = (where: string, order: string): string => `
  select ${columns} from (
    select *, sum(${size}) over (order by ${order} rows unbounded preceding) as bytes
    from event_store.events where ${where} order by ${order} limit $1
  ) as picked join event_store.streams on id = stream_id
  where bytes - (${size}) < $2 order by ${order}`

const queries = {
  allForwards: page('position >= $3', 'position'),
  allBackwards: page('position < $3', 'position desc'),
  streamForwards: page('stream_id = $3 and revision >= $4 and created >= $5', 'revision'),
  streamBackwards: page('stream_id = $3 and revision <= $4 and revision >= $5 and created >= $6', 'revision desc'),
  some: `
    select ${columns} from unnest($1::text[], $2::bigint[]) as wanted (name, revision)
    join event_store.streams using (name)
    join event_store.events using (revision) where stream_id = id`,
  heads: `
    select wanted.name, id, revision, is_json, case when wanted.name like '$$%' then data end
    from unnest($1::text[]) as wanted (name)
    join event_store.streams using (name)
    cross join lateral (
      select revision, is_json, data from event_store.events where stream_id = id order by revision desc limit 1
    ) as last_event`,
  log: `
    select coalesce(max(position), 0), coalesce(max(created), 0), (select coalesce(max(id), 0) from event_store.streams)
    from (select position, created from event_store.events order by position desc limit 1) as last_event`,
}

/** Forwards from `position`, which is included. */
export const allForwards = async (on: Queryable, position: bigint, limit = pageEvents): Promise<RecordedEvent[]> =>
  (await ask<EventRow>(on, 'all-forwards', queries.allForwards, [limit, pageBytes, position])).map(toEvent)

/** Backwards from `position`, which is not included. */
export const allBackwards = async (on: Queryable, position: bigint, limit = pageEvents): Promise<RecordedEvent[]> =>
  (await ask<EventRow>(on, 'all-backwards', queries.allBackwards, [limit, pageBytes, position])).map(toEvent)

/** The visible events of a stream, forwards from revision `from`, which is included. */
export const streamForwards = async (
  on: Queryable,
  view: StreamView,
  from: bigint,
  nowMs: number,
  limit = pageEvents,
): Promise<RecordedEvent[]> => {
  const first = firstVisibleRevision(view.metadata, view.last)
  const values = [limit, pageBytes, view.id, from > first ? from : first, oldestVisibleTime(view.metadata, nowMs)]
  return (await ask<EventRow>(on, 'stream-forwards', queries.streamForwards, values)).map(toEvent)
}

/** The visible events of a stream, backwards from revision `from`, which is included. */
export const streamBackwards = async (
  on: Queryable,
  view: StreamView,
  from: bigint,
  nowMs: number,
  limit = pageEvents,
): Promise<RecordedEvent[]> => {
  const first = firstVisibleRevision(view.metadata, view.last)
  const values = [limit, pageBytes, view.id, from, first, oldestVisibleTime(view.metadata, nowMs)]
  return (await ask<EventRow>(on, 'stream-backwards', queries.streamBackwards, values)).map(toEvent)
}

/** The events at these places, in no order; those that don't exist are missing. Visibility is not judged. */
export const eventsAt = async (
  on: Queryable,
  places: readonly { stream: string; revision: bigint }[],
): Promise<RecordedEvent[]> => {
  const values = [places.map(({ stream }) => stream), places.map(({ revision }) => revision)]
  return (await ask<EventRow>(on, 'events-at', queries.some, values)).map(toEvent)
}

/** The heads of streams, one for each name. */
export const loadHeads = async (on: Queryable, names: readonly string[]): Promise<Map<string, Head>> => {
  const heads = new Map<string, Head>(names.map((name) => [name, noHead]))
  type Row = [name: string, id: bigint, revision: bigint, isJson: boolean, data: Buffer | null]
  for (const [stream, id, revision, isJson, data] of await ask<Row>(on, 'heads', queries.heads, [names])) {
    const empty = Buffer.alloc(0)
    heads.set(stream, headAfter(id, { stream, revision, isJson, data: data ?? empty }))
  }
  return heads
}

/** Where the log ends. */
export const logEnd = async (
  on: Queryable,
): Promise<{ position: bigint; created: bigint; greatestStreamId: bigint }> => {
  const [row] = await ask<[bigint, bigint, bigint]>(on, 'log-end', queries.log, [])
  const [position, created, greatestStreamId] = row ?? [0n, 0n, 0n]
  return { position, created, greatestStreamId }
}
