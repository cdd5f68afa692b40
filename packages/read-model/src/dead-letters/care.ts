import { sql, type Kysely } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'
import { orderedConsumer } from './parked.js'
import type { DeadLetterState } from './table.js'

export type DeadLetterCounts = {
  byState: ReadonlyMap<DeadLetterState, number>
  overdue: number
  /** Open ones that killed their handler again and again. */
  poison: number
  oldestOpenAt: Instant | null
}

/** How many dead letters there are by state, parked streams among the open ones, and how many are open for too long. */
export const deadLetterCounts = async (db: Kysely<Tables>, overdueAfterDays: number): Promise<DeadLetterCounts> => {
  const { rows } = await sql<{
    state: DeadLetterState
    count: number
    overdue: number
    poison: number
    oldest: string | null
  }>`
    select state, count(*) as count,
      count(*) filter (where state = 'open' and reason = 'poison') as poison,
      min(since) filter (where state = 'open') as oldest,
      count(*) filter (where state = 'open' and since < now() - make_interval(days => ${overdueAfterDays})) as overdue
    from (select state, created_at as since, reason from dead_letters
      union all
      select case when discarded_at is null then 'open' else 'discarded' end, parked_at, 'parked'
      from parked_streams where consumer = ${orderedConsumer}) entries
    group by state`.execute(db)
  return {
    byState: new Map(rows.map(({ state, count }) => [state, count])),
    overdue: rows.reduce((sum, { overdue }) => sum + overdue, 0),
    poison: rows.reduce((sum, { poison }) => sum + poison, 0),
    oldestOpenAt: rows.find(({ state }) => state === 'open')?.oldest ?? null,
  }
}

/** Removes dead letters closed for longer than this, with their actions and the jobs that ended then; returns how many went. */
export const purgeDeadLetters = async (db: Kysely<Tables>, closedForDays: number, limit = 10_000): Promise<number> => {
  const before = sql<Instant>`now() - make_interval(days => ${closedForDays})`
  return db.transaction().execute(async (transaction) => {
    const gone = await transaction
      .deleteFrom('dead_letters')
      .where('id', 'in', (query) =>
        query.selectFrom('dead_letters').select('id').where('closed_at', '<', before).limit(limit),
      )
      .returning('id')
      .execute()
    const ids = gone.map(({ id }) => id)
    await transaction
      .deleteFrom('dead_letter_actions')
      .where('dead_letter_id', '=', sql<string>`any(${ids}::uuid[])`)
      .execute()
    // A stream that goes on is forgotten with its row, what was done with it as long after. One that is left out stays, with why.
    await transaction
      .deleteFrom('dead_letter_actions')
      .where('stream', 'is not', null)
      .where('at', '<', before)
      .where(
        sql<boolean>`not exists (
        select from parked_streams parked
        where parked.consumer = dead_letter_actions.consumer and parked.stream = dead_letter_actions.stream)`,
      )
      .execute()
    const jobs = await transaction
      .deleteFrom('dead_letter_jobs')
      .where('ended_at', '<', before)
      .returning('id')
      .execute()
    await transaction
      .deleteFrom('dead_letter_job_items')
      .where('job_id', '=', sql<string>`any(${jobs.map(({ id }) => id)}::uuid[])`)
      .execute()
    return ids.length
  })
}
