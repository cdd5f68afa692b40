import type { Kysely } from 'kysely'
import { isBefore, type Before } from '../received-events/queries.js'
import type { Tables } from '../tables.js'
import type { PatternRow } from './table.js'

export type PatternFilter = {
  patternId?: string | undefined
  agentId?: string | undefined
  patternType?: string | undefined
  limit: number
  before?: Before | undefined
}

/** What was learned, the latest first. */
export const findPatterns = (
  db: Kysely<Tables>,
  { patternId, agentId, patternType, limit, before }: PatternFilter,
): Promise<PatternRow[]> =>
  db
    .selectFrom('patterns')
    .selectAll()
    .$if(patternId !== undefined, (query) => query.where('pattern_id', '=', patternId!))
    .$if(agentId !== undefined, (query) => query.where('agent_id', '=', agentId!))
    .$if(patternType !== undefined, (query) => query.where('pattern_type', '=', patternType!))
    .$if(before !== undefined, (query) => query.where(isBefore(before!)))
    .orderBy('position', 'desc')
    .orderBy('revision', 'desc')
    .limit(limit)
    .execute()
