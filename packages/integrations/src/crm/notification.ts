import type { DomainEvent, Recorded } from '@journey/contracts'
import { malformed } from '@journey/runtime'

/**
 * The events a customer's CRM hears of, and the type it hears them under (ARCH-003 section 5.2). Of a rollback it hears that
 * one was initiated, not how it ended.
 */
export const crmEventTypes = {
  StagePromoted: 'journey.stage_transition',
  RollbackInitiated: 'journey.rollback_initiated',
  JourneyCompleted: 'journey.completed',
} as const satisfies Partial<Record<DomainEvent['type'], string>>

type CrmEvent = Extract<DomainEvent, { type: keyof typeof crmEventTypes }>
type GateResults = Extract<DomainEvent, { type: 'JourneyCompleted' }>['data']

/** The body of a CRM webhook. `timestamp` is the event's, ISO 8601 in UTC. */
export type CrmNotification = {
  event_type: (typeof crmEventTypes)[CrmEvent['type']]
  client_id: string
  from_stage: string
  /** A stage, or `completed`. */
  to_stage: string
  timestamp: string
  metadata: {
    episode: number
    reason: string
    /** Of a rollback: `manual`, or what set it off. */
    category?: string
    exit_criteria_passed?: boolean
    /** The score of the gate that let the client on, 1 to 5, if it was measured there. */
    user_satisfaction?: number
    /** At the end: what the last gate measured, by check and measurement. */
    final_figures?: Record<string, Record<string, number>>
  }
}

/**
 * What the CRM is told about an event; undefined when it does not hear of it.
 *
 * @throws malformed `event/invalid` for an event of ours in name that lacks what every such event has
 */
export const crmNotification = ({ id, at, event }: Recorded): CrmNotification | undefined => {
  if (!isForCrm(event)) return undefined
  const { client_id, episode, reason } = event.data
  const told = { event_type: crmEventTypes[event.type], client_id, ...stagesOf(event), timestamp: at }
  for (const [field, value] of Object.entries(told))
    if (typeof value !== 'string')
      throw malformed('event/invalid', `Event ${id} (${event.type}) has no ${field} that is text`, [
        { field, code: 'invalid', message: 'must be text' },
      ])
  return { ...told, metadata: { episode, reason, ...detailsOf(event) } }
}

const isForCrm = (event: DomainEvent): event is CrmEvent => Object.hasOwn(crmEventTypes, event.type)

const stagesOf = (event: CrmEvent): Pick<CrmNotification, 'from_stage' | 'to_stage'> =>
  event.type === 'JourneyCompleted'
    ? { from_stage: event.data.stage, to_stage: 'completed' }
    : { from_stage: event.data.from_stage, to_stage: event.data.to_stage }

const detailsOf = (event: CrmEvent): Partial<CrmNotification['metadata']> => {
  switch (event.type) {
    case 'StagePromoted':
      return passing(event.data)
    case 'RollbackInitiated':
      return { category: event.data.category }
    case 'JourneyCompleted':
      return { ...passing(event.data), final_figures: figuresOf(event.data) }
  }
}

type Results = Pick<GateResults, 'exit_criteria_results' | 'exit_criteria_details'>

const passing = (results: Results): Partial<CrmNotification['metadata']> => {
  const verdicts = Object.values(results.exit_criteria_results)
  const score = figuresOf(results).user_satisfaction?.score
  return {
    exit_criteria_passed: verdicts.length > 0 && verdicts.every((passed) => passed),
    ...(score !== undefined && { user_satisfaction: score }),
  }
}

const figuresOf = ({ exit_criteria_details }: Results): Record<string, Record<string, number>> =>
  Object.fromEntries(
    exit_criteria_details
      .map(({ check_id, comparisons }) => {
        const measured = comparisons.flatMap(({ measurement, value }) => (value === null ? [] : [[measurement, value]]))
        return [check_id, Object.fromEntries(measured) as Record<string, number>] as const
      })
      .filter(([, figures]) => Object.keys(figures).length > 0),
  )
