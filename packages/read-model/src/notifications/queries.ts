import type { Kysely } from 'kysely'
import { isBefore, type Before } from '../received-events/queries.js'
import type { Tables } from '../tables.js'
import type { NotificationRow } from './table.js'

export type NotificationFilter = {
  type?: string | undefined
  channel?: string | undefined
  limit: number
  before?: Before | undefined
}

/** What others said of notifications, the latest first. */
export const findNotifications = (
  db: Kysely<Tables>,
  { type, channel, limit, before }: NotificationFilter,
): Promise<NotificationRow[]> =>
  db
    .selectFrom('notifications')
    .selectAll()
    .$if(type !== undefined, (query) => query.where('event_type', '=', type!))
    .$if(channel !== undefined, (query) => query.where('channel', '=', channel!))
    .$if(before !== undefined, (query) => query.where(isBefore(before!)))
    .orderBy('position', 'desc')
    .orderBy('revision', 'desc')
    .limit(limit)
    .execute()
