import type { Recorded } from '@journey/contracts'
import type { EvaluationRow } from './table.js'

/** The rows of an evaluation, one for each check; none for other events. */
export const evaluationRows = ({ event, at, revision }: Recorded): EvaluationRow[] => {
  if (event.type !== 'ExitCriteriaEvaluated') return []
  const { client_id, episode, stage, visit, n, work_id, exit_criteria_details } = event.data
  return exit_criteria_details.map(({ check_id, name, verdict, passed, comparisons, message }) => ({
    client_id,
    revision,
    check_id,
    episode,
    stage,
    visit,
    n,
    work_id,
    name,
    verdict,
    passed,
    comparisons,
    message,
    evaluated_at: at,
  }))
}
