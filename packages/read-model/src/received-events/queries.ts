import { sql, type Kysely } from 'kysely'
import type { Position } from '../columns.js'
import type { Tables } from '../tables.js'
import type { ReceivedEventRow } from './table.js'

export type ReceivedEventFilter = {
  /** A type, or all of a family: `knowledge.*`. */
  type?: string | undefined
  source?: string | undefined
  limit: number
  /** Of the last event of the page before. */
  before?: Before | undefined
}

/** A place in the log from which a list goes on to what was before. */
export type Before = readonly [position: Position, revision: number]

/** Recorded events of others, the latest first. */
export const findReceivedEvents = (
  db: Kysely<Tables>,
  { type, source, limit, before }: ReceivedEventFilter,
): Promise<ReceivedEventRow[]> =>
  db
    .selectFrom('received_events')
    .selectAll()
    .$if(type !== undefined, (query) =>
      type!.endsWith('.*')
        ? query.where('stream', '=', `received-${type!.slice(0, -2)}`)
        : query.where('event_type', '=', type!),
    )
    .$if(source !== undefined, (query) => query.where('source', '=', source!))
    .$if(before !== undefined, (query) => query.where(isBefore(before!)))
    .orderBy('position', 'desc')
    .orderBy('revision', 'desc')
    .limit(limit)
    .execute()

export const isBefore = ([position, revision]: Before) =>
  sql<boolean>`(position, revision) < (${position}::numeric, ${revision})`
