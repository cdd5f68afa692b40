import { randomUUID } from 'node:crypto'
import { proofHeader, type Proofs } from '@journey/contracts'

/** A promotion, as it goes over the bus. */
export const promoted = (client_id = 'client-123') => ({
  event_id: randomUUID() as string,
  event_type: 'journey.stage_promoted',
  event_version: '1.0',
  timestamp: '2026-01-27T10:30:00.000Z',
  source: 'command-handler',
  data: {
    client_id,
    episode: 1,
    from_stage: 'sandbox',
    to_stage: 'pilot',
    visit: 1,
    reason: 'exit criteria passed',
    initiated_by: 'system',
    exit_criteria_results: { search_quality: true },
    exit_criteria_details: [],
  },
  metadata: {
    correlation_id: randomUUID(),
    causation_id: randomUUID(),
    actor: { type: 'system', id: 'saga-processor' },
    stream: `journey-${client_id}`,
    revision: 7,
    position: '18446',
    schema_version: '1.0',
  },
})

export type BusEvent = ReturnType<typeof promoted>

/** As the relay publishes it. */
export const proven = (proofs: Proofs, event: BusEvent) => {
  const { stream, revision, position } = event.metadata
  const body = Buffer.from(JSON.stringify(event))
  const proof = proofs.of({ id: event.event_id, stream, revision, position }, body)
  return {
    body,
    properties: { messageId: event.event_id, headers: { stream, revision, position, [proofHeader]: proof } },
  }
}
