import { busTypes, type Recorded } from '@journey/contracts'
import type { JsonObject } from '@journey/domain'
import type { HistoryRow } from './table.js'

/** The line that an event leaves in the history of its journey, if it belongs to one. */
export const historyRow = (
  { id, event, version, at, stream, revision, position, source, actor, correlationId, causationId }: Recorded,
  journey: { client_id: string; episode: number } | undefined,
): HistoryRow => ({
  stream,
  revision,
  event_id: id,
  position,
  client_id: journey?.client_id ?? null,
  episode: journey?.episode ?? null,
  event_type: busTypes[event.type],
  version,
  at,
  source,
  actor,
  correlation_id: correlationId,
  causation_id: causationId,
  data: withoutToken(event.data),
})

const withoutToken = ({ token: _, ...data }: JsonObject): JsonObject => data
