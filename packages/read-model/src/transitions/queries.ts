import { sql, type Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { TransitionRow } from './table.js'

export type TransitionFilter = {
  clientId: string
  limit: number
  /** The revision of the last transition of the page before. */
  after?: readonly [revision: number] | undefined
}

/** Every change of a client's `current_stage`, all episodes, the oldest first. */
export const transitionsOf = (
  db: Kysely<Tables>,
  { clientId, limit, after }: TransitionFilter,
): Promise<TransitionRow[]> =>
  db
    .selectFrom('stage_transitions')
    .selectAll()
    .where('client_id', '=', clientId)
    .$if(after !== undefined, (query) => query.where(sql<boolean>`revision > ${after?.[0]}`))
    .orderBy('revision')
    .limit(limit)
    .execute()
