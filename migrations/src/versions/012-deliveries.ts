import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** What the world outside is told, once per event and channel. */
export const deliveries: Migration = {
  up: async (db) => {
    await sql`
      create table deliveries (
        delivery_id uuid primary key,
        event_id uuid not null,
        channel varchar(50) not null,
        target text not null,
        event_type varchar(100) not null,
        client_id varchar(255),
        payload json not null, -- not jsonb, which would put its keys in another order: it is what is signed
        state varchar(20) not null check (state in ('pending', 'delivered', 'failed', 'disabled')),
        attempts integer not null default 0,
        tries jsonb not null default '[]',
        next_at timestamptz(3),
        last_status integer,
        last_error text,
        created_at timestamptz(3) not null default now(),
        delivered_at timestamptz(3),
        unique (event_id, channel)
      )`.execute(db)
    await sql`create index idx_deliveries_due on deliveries (next_at) where state = 'pending'`.execute(db)
    await sql`create index idx_deliveries_client on deliveries (client_id, created_at)`.execute(db)
  },
}
