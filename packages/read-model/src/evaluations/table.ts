import type { Selectable } from 'kysely'
import type { Comparison, Instant, StageId, Verdict } from '@journey/domain'
import type { JsonColumn, Sealed } from '../columns.js'

/** One row for each check of each evaluation of a gate. `revision` tells evaluations of the same `n` apart. */
export type ExitCriteriaResultsTable = {
  client_id: string
  revision: number
  check_id: string
  episode: number
  stage: StageId
  visit: number
  n: number
  work_id: string
  name: string
  verdict: Verdict
  passed: boolean
  comparisons: JsonColumn<Comparison[]>
  message: string
  evaluated_at: Instant
  sealed: Sealed
}

export type EvaluationRow = Selectable<ExitCriteriaResultsTable>
