import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** How far readers of `$all` have come, and which position the log had at which time. */
export const checkpoints: Migration = {
  up: async (db) => {
    await sql`
      create table checkpoints (
        name varchar(100) primary key,
        position numeric(20, 0) not null,
        at timestamptz(3) not null default now()
      )`.execute(db)
    await sql`
      create table position_index (
        position numeric(20, 0) primary key,
        at timestamptz(3) not null
      )`.execute(db)
    await sql`create index idx_position_index_at on position_index (at)`.execute(db)
  },
}
