import type pg from 'pg'
import type { Draft, StoredId } from './draft.js'
import { bigintArray, booleanArray, bytesArray, textArray, uuidArray } from './postgres-arrays.js'
import { ask, type Queryable } from './postgres-session.js'

type Ids = readonly { streamId: bigint; id: string }[]

type Rows = Pick<Draft, 'events' | 'streamIds' | 'newStreams'>

/**
 * Inserts events and the streams they are the first of; `streamIds` says of each event which stream it belongs to. It is one
 * statement, thus one round trip, one transaction and one wait for the disk, however many appends it holds. Outside of a
 * transaction they are on disk when this resolves, and a rejection that is not `isRefusal` leaves the outcome unknown.
 *
 * @param unknown ids that must not be stored in these streams
 * @returns false when one of them is; nothing is inserted then
 */
export const insertEvents = async (on: Queryable, rows: Rows, unknown: Ids = []): Promise<boolean> => {
  const { rowCount } = await on.query({ ...(insertOne(rows, unknown) ?? insertMany(rows, unknown)), rowMode: 'array' })
  return rowCount === rows.events.length
}

const into = `
  insert into event_store.events (position, stream_id, revision, event_id, is_json, created, type, data, metadata)`

/** For a single event of a stream that is there: to take arrays apart would cost PostgreSQL more than the insert itself. */
const insertOne = ({ events, streamIds, newStreams }: Rows, unknown: Ids): pg.QueryConfig | undefined => {
  const [[event, ...more], [streamId]] = [events, streamIds]
  const isAlone = more.length === 0 && newStreams.length === 0
  if (!event || !isAlone || unknown.some(({ id, streamId: of }) => id !== event.id || of !== streamId)) return undefined
  const { position, revision, id, isJson, created, type, data, metadata } = event
  const unlessKnown = unknown.length > 0
  return {
    name: `insert one${unlessKnown ? ' unless known' : ''}`,
    text: `${into}
      select $1::bigint, $2::bigint, $3::bigint, $4::uuid, $5::boolean, $6::bigint, $7::text, $8::bytea, $9::bytea
      ${unlessKnown ? 'where not exists (select from event_store.events where stream_id = $2 and event_id = $4)' : ''}`,
    values: [position, streamId, revision, id, isJson, created, type, data, metadata],
  }
}

/** Parameters 1 to 9 are the events, then come the ids that must be unknown, then the new streams. */
const insertMany = ({ events, streamIds, newStreams }: Rows, unknown: Ids): pg.QueryConfig => {
  const [unlessKnown, hasNewStreams] = [unknown.length > 0, newStreams.length > 0]
  const first = unlessKnown ? 12 : 10
  const condition = unlessKnown ? 'where not exists (select from known)' : ''
  const parts = [
    unlessKnown &&
      `known as materialized (
         select from unnest($10::bigint[], $11::uuid[]) as given (stream_id, event_id)
         join event_store.events using (stream_id, event_id) limit 1
       )`,
    hasNewStreams &&
      `new_streams as (
         insert into event_store.streams (id, name)
         select * from unnest($${first}::bigint[], $${first + 1}::text[]) ${condition}
       )`,
  ].filter((part) => part !== false)
  return {
    name: `insert${unlessKnown ? ' unless known' : ''}${hasNewStreams ? ' with streams' : ''}`,
    text: `${parts.length > 0 ? `with ${parts.join(', ')}` : ''} ${into}
      select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::boolean[], $6::bigint[], $7::text[],
                           $8::bytea[], $9::bytea[]) ${condition}`,
    values: [
      bigintArray(events.map(({ position }) => position)),
      bigintArray(streamIds),
      bigintArray(events.map(({ revision }) => revision)),
      uuidArray(events.map(({ id }) => id)),
      booleanArray(events.map(({ isJson }) => isJson)),
      bigintArray(events.map(({ created }) => created)),
      textArray(events.map(({ type }) => type)),
      bytesArray(events.map(({ data }) => data)),
      bytesArray(events.map(({ metadata }) => metadata)),
      ...(unlessKnown ? idColumns(unknown) : []),
      ...(hasNewStreams
        ? [bigintArray(newStreams.map(({ id }) => id)), textArray(newStreams.map(({ name }) => name))]
        : []),
    ],
  }
}

const idColumns = (ids: Ids): Buffer[] => [
  bigintArray(ids.map(({ streamId }) => streamId)),
  uuidArray(ids.map(({ id }) => id)),
]

/** Where the given ids stand in the given streams. */
export const storedIds = async (on: Queryable, wanted: Ids): Promise<StoredId[]> => {
  const rows = await ask<[bigint, string, bigint, bigint]>(
    on,
    'stored-ids',
    `select stream_id, event_id, revision, position
     from (select distinct * from unnest($1::bigint[], $2::uuid[]) as given (stream_id, event_id)) as wanted
     join event_store.events using (stream_id, event_id)`,
    idColumns(wanted),
  )
  return rows.map(([streamId, id, revision, position]) => ({ streamId, id, revision, position }))
}
