import { journeyStream, type Instant } from '@journey/domain'
import { sql, type Kysely } from 'kysely'
import type { Position } from '../columns.js'
import type { Tables } from '../tables.js'
import type { HistoryRow } from './table.js'

/** A moment in a client's history: a time, or a revision of the journey's stream. */
export type Moment = { at: Instant } | { revision: number }

export type HistoryFilter = {
  clientId: string
  /** Up to this position of the log, itself included. */
  until?: Position | undefined
  limit: number
  /** Of the last event of the page before. */
  after?: readonly [position: Position, revision: number] | undefined
}

/** Everything that happened to a client's journeys and their units of work, in the order of the log. */
export const historyOf = (
  db: Kysely<Tables>,
  { clientId, until, limit, after }: HistoryFilter,
): Promise<HistoryRow[]> =>
  db
    .selectFrom('journey_events')
    .selectAll()
    .where('client_id', '=', clientId)
    .$if(until !== undefined, (query) => query.where('position', '<=', until!))
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(position, revision) > (${after?.[0]}::numeric, ${after?.[1]})`),
    )
    .orderBy('position')
    .orderBy('revision')
    .limit(limit)
    .execute()

/** The position of the client's last event up to a moment; undefined when there was none yet, or no such revision. */
export const positionAt = async (
  db: Kysely<Tables>,
  clientId: string,
  moment: Moment,
): Promise<Position | undefined> => {
  const events = db.selectFrom('journey_events').select('position').where('client_id', '=', clientId)
  const row = await (
    'at' in moment
      ? events.where('at', '<=', moment.at).orderBy('position', 'desc').limit(1)
      : events.where('stream', '=', journeyStream(clientId)).where('revision', '=', moment.revision)
  ).executeTakeFirst()
  return row?.position
}

/** The events of the journey's own stream up to a position, from the first one on. */
export const journeyEventsUntil = (db: Kysely<Tables>, clientId: string, until: Position): Promise<HistoryRow[]> =>
  db
    .selectFrom('journey_events')
    .selectAll()
    .where('stream', '=', journeyStream(clientId))
    .where('position', '<=', until)
    .orderBy('revision')
    .execute()
