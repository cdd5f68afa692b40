import { sql } from 'kysely'
import type { Migration } from 'kysely'

/** The saga-processor's intents that outlive a crash: timers, tasks on their way to agents, journeys that wait for a place. */
export const sagas: Migration = {
  up: async (db) => {
    await sql`
      create table timers (
        timer_id text primary key,
        kind varchar(50) not null,
        due_at timestamptz(3) not null,
        command jsonb not null,
        work_id varchar(255),
        created_at timestamptz(3) not null default now()
      )`.execute(db)
    await sql`create index idx_timers_due_at on timers (due_at)`.execute(db)
    await sql`create index idx_timers_work on timers (work_id) where work_id is not null`.execute(db)
    await sql`
      create table dispatches (
        work_id varchar(255) not null,
        task_id varchar(255) not null,
        attempt integer not null,
        client_id varchar(255) not null,
        stage varchar(50) not null,
        intent varchar(100) not null,
        target_agent varchar(255),
        failed_agent varchar(255),
        token text not null,
        timeout_ms integer not null,
        message jsonb not null,
        state varchar(20) not null check (state in ('waiting', 'published', 'settled')),
        waits_for text,
        agent_id varchar(255),
        since timestamptz(3) not null default now(),
        published_at timestamptz(3),
        deadline timestamptz(3),
        primary key (work_id, task_id, attempt)
      )`.execute(db)
    await sql`create index idx_dispatches_waiting on dispatches (intent, since) where state = 'waiting'`.execute(db)
    await sql`create index idx_dispatches_deadline on dispatches (deadline) where state = 'published'`.execute(db)
    await sql`create index idx_dispatches_client on dispatches (client_id) where state <> 'settled'`.execute(db)
    await sql`
      create table admissions (
        work_id varchar(255) primary key,
        client_id varchar(255) not null,
        kind varchar(50) not null,
        state varchar(20) not null check (state in ('waiting', 'admitted', 'idle', 'ended')),
        requested_at timestamptz(3) not null default now(),
        admitted_at timestamptz(3),
        ended_at timestamptz(3),
        journey_started_at timestamptz(3),
        command jsonb not null
      )`.execute(db)
    await sql`create index idx_admissions_waiting on admissions (requested_at) where state = 'waiting'`.execute(db)
    await sql`create index idx_admissions_client on admissions (client_id, state)`.execute(db)
    await sql`
      create table agent_heartbeats (
        agent_id varchar(255) primary key,
        at timestamptz(3) not null,
        active_tasks integer
      ) with (fillfactor = 50)`.execute(db)
  },
}
