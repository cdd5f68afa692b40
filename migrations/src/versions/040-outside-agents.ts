import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Agents that others told of stand beside those that registered with us. */
export const outsideAgents: Migration = {
  up: async (db) => {
    await sql`alter table agents add column registered boolean not null default true`.execute(db)
  },
}
