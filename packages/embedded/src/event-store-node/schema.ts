import type { ClientBase } from 'pg'

/**
 * The node's own schema. Each statement may be repeated.
 *
 * Names have any length, so they are found by a hash index, and unique through it; events name their stream by a short id.
 * The three indexes of `events` are the log's order, each stream's order, and the ids known in a stream.
 */
const statements = [
  `create schema if not exists event_store`,
  `create table if not exists event_store.streams (
     id   bigint primary key,
     name text not null,
     constraint streams_name exclude using hash (name with =)
   )`,
  `create table if not exists event_store.events (
     position  bigint  primary key,
     stream_id bigint  not null,
     revision  bigint  not null,
     event_id  uuid    not null,
     is_json   boolean not null,
     created   bigint  not null,
     type      text    not null,
     data      bytea   not null,
     metadata  bytea   not null,
     constraint events_revision unique (stream_id, revision)
   )`,
  `create index if not exists events_id on event_store.events (stream_id, event_id)`,
  `comment on schema event_store is 'Written by the event store node only. Positions rise by one in the order of commits.'`,
  `comment on column event_store.events.created is 'Ticks of 100 ns since 1970'`,
]

/** Brings the schema into being. Called under the node's lock. */
export const createSchema = async (client: ClientBase): Promise<void> => {
  await client.query('begin')
  for (const statement of statements) await client.query(statement)
  await client.query('commit')
}
