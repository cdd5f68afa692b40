import { sql, type Kysely } from 'kysely'
import type { Actor, Instant } from '@journey/domain'
import { codeOf, messageOf } from '@journey/runtime'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'
import type { ArchiveJobKind, ArchiveJobOptions, ArchiveJobResult, ArchiveJobRow } from './table.js'

/**
 * Stores a job, which begins within a second.
 *
 * @throws conflict `database/duplicate` while another one runs
 */
export const requestArchiveJob = (
  db: Kysely<Tables>,
  job: { id: string; kind: ArchiveJobKind; options: ArchiveJobOptions; requestedBy: Actor },
): Promise<ArchiveJobRow> =>
  db
    .insertInto('archive_jobs')
    .values({
      id: job.id,
      kind: job.kind,
      options: json(job.options),
      state: 'running',
      requested_by: json(job.requestedBy),
    })
    .returningAll()
    .executeTakeFirstOrThrow()

export const archiveJobOf = (db: Kysely<Tables>, id: string): Promise<ArchiveJobRow | undefined> =>
  db.selectFrom('archive_jobs').selectAll().where('id', '=', id).executeTakeFirst()

export const archiveJobUnderWay = (db: Kysely<Tables>): Promise<ArchiveJobRow | undefined> =>
  db.selectFrom('archive_jobs').selectAll().where('state', '=', 'running').executeTakeFirst()

/** When the archive was last brought up to date, or somebody asked for it. */
export const lastArchiveRun = async (db: Kysely<Tables>): Promise<Instant | undefined> => {
  const row = await db
    .selectFrom('archive_jobs')
    .select('created_at')
    .where('kind', '=', 'run')
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.created_at
}

/** Jobs, the latest first. */
export const findArchiveJobs = (
  db: Kysely<Tables>,
  { limit, after }: { limit: number; after?: readonly [createdAt: Instant, id: string] | undefined },
): Promise<ArchiveJobRow[]> =>
  db
    .selectFrom('archive_jobs')
    .selectAll()
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(created_at, id) < (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()

/** Notes how far a job is; false when it does not run any more. */
export const noteArchiveProgress = async (db: Kysely<Tables>, id: string, done: number): Promise<boolean> => {
  const row = await db
    .updateTable('archive_jobs')
    .set({ done, updated_at: sql<Instant>`now()` })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Ends a job that runs; undefined when it is over already, or there is none. */
export const endArchiveJob = (
  db: Kysely<Tables>,
  id: string,
  end: { state: 'completed'; result: ArchiveJobResult } | { state: 'failed'; error: unknown } | { state: 'cancelled' },
): Promise<ArchiveJobRow | undefined> =>
  db
    .updateTable('archive_jobs')
    .set({
      state: end.state,
      ...('result' in end && { result: json(end.result), done: end.result.events }),
      ...('error' in end && { error: json({ code: codeOf(end.error), message: messageOf(end.error) }) }),
      updated_at: sql<Instant>`now()`,
      ended_at: sql<Instant>`now()`,
    })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .returningAll()
    .executeTakeFirst()
