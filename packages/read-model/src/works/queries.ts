import { sql, type Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { WorkRow } from './table.js'

export const workOf = (db: Kysely<Tables>, workId: string): Promise<WorkRow | undefined> =>
  db.selectFrom('unit_of_works').selectAll().where('work_id', '=', workId).executeTakeFirst()

export type WorkFilter = {
  clientId: string
  stage?: string | undefined
  limit: number
  /** When the last unit of work of the page before was created, and its id. */
  after?: readonly [createdAt: string, workId: string] | undefined
}

/** The units of work of a client, all episodes, in the order of their creation. */
export const worksOf = (db: Kysely<Tables>, { clientId, stage, limit, after }: WorkFilter): Promise<WorkRow[]> =>
  db
    .selectFrom('unit_of_works')
    .selectAll()
    .where('client_id', '=', clientId)
    .$if(stage !== undefined, (query) => query.where(sql<boolean>`stage = ${stage}`))
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(created_at, work_id) > (${after?.[0]}, ${after?.[1]})`),
    )
    .orderBy('created_at')
    .orderBy('work_id')
    .limit(limit)
    .execute()

/** The units of work of these clients' present episodes that are not completed: under way, failed or cancelled. */
export const unfinishedWorksOf = async (db: Kysely<Tables>, clientIds: readonly string[]): Promise<WorkRow[]> =>
  clientIds.length === 0
    ? []
    : db
        .selectFrom('unit_of_works')
        .innerJoin('journey_states', (join) =>
          join
            .onRef('journey_states.client_id', '=', 'unit_of_works.client_id')
            .onRef('journey_states.episode', '=', 'unit_of_works.episode'),
        )
        .selectAll('unit_of_works')
        .where('unit_of_works.client_id', 'in', clientIds)
        .where('unit_of_works.status', 'in', ['pending', 'in_progress', 'failed'])
        .where('journey_states.status', 'in', ['active', 'rolling_back'])
        .orderBy('unit_of_works.created_at')
        .execute()

/** The ids of all units of work of a client. */
export const workIdsOf = async (db: Kysely<Tables>, clientId: string): Promise<string[]> => {
  const rows = await db.selectFrom('unit_of_works').select('work_id').where('client_id', '=', clientId).execute()
  return rows.map(({ work_id }) => work_id)
}
