import type { Received, Recorded } from '@journey/contracts'
import type { ReceivedEventRow } from './table.js'

/** The row of an event of others, whatever its type. */
export const receivedEventRow = (recorded: Recorded<Received>): ReceivedEventRow => ({
  ...placeOf(recorded),
  event_type: recorded.event.data.event_type,
  version: recorded.version,
  at: recorded.at,
  correlation_id: recorded.correlationId,
  causation_id: recorded.causationId,
  data: recorded.event.data.data,
})

/** What every row that one event of others makes has of it. */
export const placeOf = ({ stream, revision, id, position, source }: Recorded<Received>) => ({
  stream,
  revision,
  event_id: id,
  position,
  source,
})
