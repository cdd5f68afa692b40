import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** What each running service says of itself every few seconds. Not logged: after a crash of the database it is said anew. */
export const serviceFigures: Migration = {
  up: async (db) => {
    await sql`
      create unlogged table service_figures (
        service varchar(100) not null,
        instance varchar(300) not null,
        started_at timestamptz(3) not null,
        at timestamptz(3) not null default now(),
        figures jsonb not null,
        primary key (service, instance)
      )`.execute(db)
  },
}
