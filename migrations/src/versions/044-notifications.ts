import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** What others said of notifications, of whatever type. */
export const notifications: Migration = {
  up: async (db) => {
    await sql`
      create table notifications (
        stream text not null,
        revision bigint not null,
        event_id text not null,
        position numeric(20, 0) not null,
        event_type varchar(100) not null,
        channel text,
        recipient text,
        template text,
        at timestamptz(3) not null,
        source text not null,
        details jsonb not null,
        sealed bytea,
        primary key (stream, revision)
      )`.execute(db)
    await sql`create index idx_notifications_position on notifications (position)`.execute(db)
    await sql`create index idx_notifications_type on notifications (event_type, position)`.execute(db)
  },
}
