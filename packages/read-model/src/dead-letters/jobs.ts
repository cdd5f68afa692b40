import { sql, type Kysely } from 'kysely'
import type { Actor, Instant, JsonObject } from '@journey/domain'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'
import { openIds, type DeadLetterFilter } from './queries.js'
import type { DeadLetterJobRow } from './table.js'

/** A job with how far it has come: of the messages that it retried so many are settled, and so many have failed again. */
export type DeadLetterJob = DeadLetterJobRow & { resolved: number; failed: number; skipped: number }

export type NewDeadLetterJob = {
  id: string
  filter: DeadLetterFilter
  /** The filter as it was asked for. */
  asked: JsonObject
  /** Messages per second. */
  rate: number
  stopAfter: number
  reason: string | null
  requestedBy: Actor
}

/** Stores a job with the set of open dead letters that match now. */
export const requestDeadLetterJob = async (
  db: Kysely<Tables>,
  { id, filter, asked, rate, stopAfter, reason, requestedBy }: NewDeadLetterJob,
): Promise<DeadLetterJob> =>
  db.transaction().execute(async (transaction) => {
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('dead_letter_job_items')
      .columns(['job_id', 'n', 'dead_letter_id'])
      .expression(sql`select ${id}::uuid, n, id from ${openIds(filter)} frozen`)
      .executeTakeFirst()
    const total = Number(numInsertedOrUpdatedRows ?? 0)
    const isEmpty = total === 0
    const row = await transaction
      .insertInto('dead_letter_jobs')
      .values({
        id,
        filter: json(asked),
        rate,
        stop_after: stopAfter,
        reason,
        requested_by: json(requestedBy),
        state: isEmpty ? 'completed' : 'running',
        total,
        ended_at: isEmpty ? sql<Instant>`now()` : null,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    return { ...row, resolved: 0, failed: 0, skipped: 0 }
  })

export const deadLetterJobOf = async (db: Kysely<Tables>, id: string): Promise<DeadLetterJob | undefined> => {
  const row = await db.selectFrom('dead_letter_jobs').selectAll().where('id', '=', id).executeTakeFirst()
  return row && { ...row, ...(await countsOf(db, id)) }
}

/** The job that was asked for first of those that run. */
export const nextDeadLetterJob = (db: Kysely<Tables>): Promise<DeadLetterJobRow | undefined> =>
  db
    .selectFrom('dead_letter_jobs')
    .selectAll()
    .where('state', '=', 'running')
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst()

/** How many jobs run. */
export const runningDeadLetterJobs = async (db: Kysely<Tables>): Promise<number> => {
  const { count } = await db
    .selectFrom('dead_letter_jobs')
    .select(sql<number>`count(*)`.as('count'))
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow()
  return count
}

/** The next of a job's set that wait, in order. */
export const waitingItems = (
  db: Kysely<Tables>,
  jobId: string,
  limit: number,
): Promise<{ n: number; dead_letter_id: string }[]> =>
  db
    .selectFrom('dead_letter_job_items')
    .select(['n', 'dead_letter_id'])
    .where('job_id', '=', jobId)
    .where('outcome', 'is', null)
    .orderBy('n')
    .limit(limit)
    .execute()

/** Writes down what became of one of a job's set. To be called in the transaction that begins its retry. */
export const noteItem = async (
  db: Kysely<Tables>,
  { jobId, n }: { jobId: string; n: number },
  outcome: { outcome: 'retried'; retry: number | null } | { outcome: 'skipped' },
): Promise<void> => {
  await db
    .with('item', (query) =>
      query
        .updateTable('dead_letter_job_items')
        .set(outcome)
        .where('job_id', '=', jobId)
        .where('n', '=', n)
        .where('outcome', 'is', null)
        .returning('job_id'),
    )
    .updateTable('dead_letter_jobs')
    .set({ done: sql<number>`done + 1`, updated_at: sql<Instant>`now()` })
    .where('id', 'in', (query) => query.selectFrom('item').select('job_id'))
    .execute()
}

const ends = { completed: ['running'], stopped: ['running'], cancelled: ['running', 'stopped'] } as const

/** Ends a job; undefined when it is over already, or there is none. */
export const endDeadLetterJob = async (
  db: Kysely<Tables>,
  id: string,
  state: keyof typeof ends,
): Promise<DeadLetterJob | undefined> => {
  const row = await db
    .updateTable('dead_letter_jobs')
    .set({ state, ended_at: sql<Instant>`now()`, updated_at: sql<Instant>`now()` })
    .where('id', '=', id)
    .where('state', 'in', ends[state])
    .returning('id')
    .executeTakeFirst()
  return row && deadLetterJobOf(db, row.id)
}

const countsOf = async (
  db: Kysely<Tables>,
  jobId: string,
): Promise<Pick<DeadLetterJob, 'resolved' | 'failed' | 'skipped'>> => {
  // Failed again: open, and no later retry has begun. A parked stream that could not be freed counts as skipped.
  const { rows } = await sql<Pick<DeadLetterJob, 'resolved' | 'failed' | 'skipped'>>`
    select count(*) filter (where letter.state = 'resolved' or (item.outcome = 'retried' and item.retry is null)) as resolved,
      count(*) filter (where letter.state = 'open' and letter.retries = item.retry) as failed,
      count(*) filter (where item.outcome = 'skipped') as skipped
    from dead_letter_job_items item
    left join dead_letters letter
      on letter.id = case when item.retry is not null then item.dead_letter_id::uuid end
    where item.job_id = ${jobId}`.execute(db)
  return rows[0]!
}
