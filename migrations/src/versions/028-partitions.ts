import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Over how many queues an ordered consumer shares its buckets; `queues` is what it still reads from while they become fewer. */
export const partitions: Migration = {
  up: async (db) => {
    await sql`
      create table partitions (
        consumer varchar(100) primary key,
        count smallint not null check (count between 1 and 64),
        queues smallint not null check (queues between count and 64),
        changed_at timestamptz(3) not null default now()
      )`.execute(db)
  },
}
