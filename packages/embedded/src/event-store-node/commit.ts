import type { Draft, StoredId } from './draft.js'
import { bigintArray, booleanArray, bytesArray, textArray, uuidArray } from './postgres-arrays.js'
import { ask, type Queryable } from './postgres-session.js'

/** One statement, thus one transaction and one wait for the disk, however many appends it holds. */
const insert = `
  with new_streams as (
    insert into event_store.streams (id, name) select * from unnest($1::bigint[], $2::text[])
  )
  insert into event_store.events (position, stream_id, revision, event_id, is_json, created, type, data, metadata)
  select * from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::boolean[], $8::bigint[], $9::text[],
                       $10::bytea[], $11::bytea[])`

/**
 * Inserts events and the streams they are the first of; `streamIds` says of each event which stream it belongs to. Outside of a
 * transaction they are on disk when this resolves, and a rejection that is not `isRefusal` leaves the outcome unknown.
 */
export const insertEvents = async (
  on: Queryable,
  { events, streamIds, newStreams }: Pick<Draft, 'events' | 'streamIds' | 'newStreams'>,
): Promise<void> => {
  await ask(on, 'commit', insert, [
    bigintArray(newStreams.map(({ id }) => id)),
    textArray(newStreams.map(({ name }) => name)),
    bigintArray(events.map(({ position }) => position)),
    bigintArray(streamIds),
    bigintArray(events.map(({ revision }) => revision)),
    uuidArray(events.map(({ id }) => id)),
    booleanArray(events.map(({ isJson }) => isJson)),
    bigintArray(events.map(({ created }) => created)),
    textArray(events.map(({ type }) => type)),
    bytesArray(events.map(({ data }) => data)),
    bytesArray(events.map(({ metadata }) => metadata)),
  ])
}

/** Where the given ids stand in the given streams. */
export const storedIds = async (
  on: Queryable,
  wanted: readonly { streamId: bigint; id: string }[],
): Promise<StoredId[]> => {
  const rows = await ask<[bigint, string, bigint, bigint]>(
    on,
    'stored-ids',
    `select stream_id, event_id, revision, position
     from (select distinct * from unnest($1::bigint[], $2::uuid[]) as given (stream_id, event_id)) as wanted
     join event_store.events using (stream_id, event_id)`,
    [bigintArray(wanted.map(({ streamId }) => streamId)), uuidArray(wanted.map(({ id }) => id))],
  )
  return rows.map(([streamId, id, revision, position]) => ({ streamId, id, revision, position }))
}
