import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** What the relay proves events by. No content of anyone's, but a secret: made in the database, never shown. */
export const proofSecrets: Migration = {
  up: async (db) => {
    await sql`
      create table proof_secrets (
        name varchar(100) primary key,
        secret bytea not null check (octet_length(secret) = 32),
        made_at timestamptz(3) not null default now()
      )`.execute(db)
  },
}
