import type { Received, Recorded } from '@journey/contracts'
import { detailsOf, textIn } from '../received-events/fields.js'
import { placeOf } from '../received-events/projection.js'
import type { PatternRow } from './table.js'

export const patternRow = (recorded: Recorded<Received>): PatternRow | undefined => {
  const { event_type, data } = recorded.event.data
  if (event_type !== 'pattern.learned') return undefined
  const { confidence } = data
  const columns = {
    pattern_id: textIn(data, 'pattern_id'),
    agent_id: textIn(data, 'agent_id'),
    pattern_type: textIn(data, 'pattern_type'),
    confidence: typeof confidence === 'number' ? confidence : null,
  }
  return { ...placeOf(recorded), ...columns, learned_at: recorded.at, details: detailsOf(data, columns) }
}
