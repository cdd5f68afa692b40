import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** What a replay needs to be tried without effect, to end where it was planned to, and to be the only one of its consumer. */
export const replayProgress: Migration = {
  up: async (db) => {
    await sql`alter table replays add dry_run boolean not null default false, add until_position numeric(20, 0)`.execute(
      db,
    )
    await sql`
      create unique index idx_replays_under_way on replays (consumer)
      where state in ('running', 'paused') and not dry_run`.execute(db)
    // One event may be told a channel again, once for each replay.
    await sql`alter table deliveries add replay_id uuid`.execute(db)
    await sql`alter table deliveries drop constraint deliveries_event_id_channel_key`.execute(db)
    await sql`
      create unique index idx_deliveries_once on deliveries
        (event_id, channel, coalesce(replay_id, '00000000-0000-0000-0000-000000000000'))`.execute(db)
  },
}
