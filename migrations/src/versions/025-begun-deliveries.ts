import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** What came again and was begun, until it is done: so that whoever kills its handler every time is known by it. */
export const begunDeliveries: Migration = {
  up: async (db) => {
    await sql`
      create table begun_deliveries (
        place text not null,
        subject text not null,
        begun integer not null,
        first_at timestamptz(3) not null default now(),
        last_at timestamptz(3) not null default now(),
        primary key (place, subject)
      )`.execute(db)
    await sql`create index idx_begun_deliveries_last_at on begun_deliveries (last_at)`.execute(db)
  },
}
