import type { Recorded } from '@journey/contracts'
import type { Journey } from '@journey/domain'
import type { JourneyRow } from '../journeys/table.js'
import type { TransitionRow } from './table.js'

/** The transition an event made, if `current_stage` is another after it than before; the start of an episode comes from nowhere. */
export const transitionOf = (
  before: JourneyRow | undefined,
  after: JourneyRow,
  { id, event, at, revision }: Recorded<Journey.Event>,
): TransitionRow | undefined => {
  const isStart = event.type === 'JourneyStarted'
  if (!isStart && before?.current_stage === after.current_stage) return undefined
  return {
    transition_id: id,
    client_id: after.client_id,
    from_stage: isStart ? null : after.previous_stage,
    to_stage: after.current_stage,
    transitioned_at: at,
    reason: 'reason' in event.data ? event.data.reason : null,
    exit_criteria_results: 'exit_criteria_results' in event.data ? event.data.exit_criteria_results : null,
    initiated_by: initiatorOf(event, before),
    episode: after.episode,
    visit: after.visit,
    revision,
  }
}

/** Who wanted it; a rollback that is through was wanted by whoever began it. */
const initiatorOf = ({ data }: Journey.Event, before: JourneyRow | undefined): string => {
  if ('initiated_by' in data) return data.initiated_by
  if ('completed_by' in data) return data.completed_by
  if ('cancelled_by' in data) return data.cancelled_by
  return before?.rollback?.by ?? 'system'
}
