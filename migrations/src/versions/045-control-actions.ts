import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Who paused, resumed or reloaded which services, when and why; the latest word on a service's pause outlasts its instances. */
export const controlActions: Migration = {
  up: async (db) => {
    await sql`
      create table control_actions (
        id bigint generated always as identity primary key,
        action varchar(10) not null,
        services text[],
        log_level varchar(10),
        reason text,
        actor jsonb not null,
        at timestamptz(3) not null default now()
      )`.execute(db)
  },
}
