import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** Keys of clients, and the audit of erasures; and beside the content of each table, where it is sealed. */
export const dataKeys: Migration = {
  up: async (db) => {
    await sql`
      create table data_keys (
        client_id text not null,
        generation integer not null,
        key_id varchar(16) not null unique,
        wrapped bytea,
        master_key_id varchar(8),
        created_at timestamptz(3) not null default now(),
        rewrapped_at timestamptz(3),
        destroyed_at timestamptz(3),
        primary key (client_id, generation),
        check ((destroyed_at is null) = (wrapped is not null) and (wrapped is null) = (master_key_id is null))
      )`.execute(db)
    await sql`create unique index idx_data_keys_live on data_keys (client_id) where destroyed_at is null`.execute(db)
    await sql`create index idx_data_keys_master on data_keys (master_key_id) where wrapped is not null`.execute(db)
    await sql`
      create table erasures (
        id uuid primary key,
        client_id text not null,
        reason text not null,
        requested_by jsonb not null,
        requested_at timestamptz(3) not null default now(),
        confirmed_by jsonb,
        erased_at timestamptz(3),
        removed jsonb
      )`.execute(db)
    await sql`create index idx_erasures_client on erasures (client_id, requested_at)`.execute(db)
    await sql`alter table commands add column about text`.execute(db)
    for (const table of sealedTables) await sql`alter table ${sql.table(table)} add column sealed bytea`.execute(db)
  },
}

const sealedTables = [
  'journey_states',
  'unit_of_works',
  'stage_transitions',
  'exit_criteria_results',
  'approvals',
  'journey_events',
  'commands',
  'dead_letters',
  'deliveries',
  'dispatches',
  'admissions',
]
