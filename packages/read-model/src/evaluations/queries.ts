import type { Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { EvaluationRow } from './table.js'

/** The checks of the client's latest evaluations of gates, all episodes, the latest evaluation first; `most` evaluations. */
export const evaluationsOf = (db: Kysely<Tables>, clientId: string, most: number): Promise<EvaluationRow[]> =>
  db
    .selectFrom('exit_criteria_results')
    .selectAll()
    .where('client_id', '=', clientId)
    .where('revision', 'in', (query) =>
      query
        .selectFrom('exit_criteria_results')
        .select('revision')
        .distinct()
        .where('client_id', '=', clientId)
        .orderBy('revision', 'desc')
        .limit(most),
    )
    .orderBy('revision', 'desc')
    .orderBy('check_id')
    .execute()
