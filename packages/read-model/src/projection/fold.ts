import type { AnyRecorded, Received, Recorded } from '@journey/contracts'
import type { Agent, Journey, UnitOfWork } from '@journey/domain'
import { evolveAgent, evolveOutsideAgent, outsideAgentId } from '../agents/projection.js'
import type { AgentRow } from '../agents/table.js'
import { approvalRows } from '../approvals/projection.js'
import type { ApprovalRow } from '../approvals/table.js'
import { evaluationRows } from '../evaluations/projection.js'
import type { EvaluationRow } from '../evaluations/table.js'
import { historyRow } from '../history/projection.js'
import type { HistoryRow } from '../history/table.js'
import { evolveJourney } from '../journeys/projection.js'
import type { JourneyRow } from '../journeys/table.js'
import { knowledgeShareRow } from '../knowledge-shares/projection.js'
import type { KnowledgeShareRow } from '../knowledge-shares/table.js'
import { notificationRow } from '../notifications/projection.js'
import type { NotificationRow } from '../notifications/table.js'
import { patternRow } from '../patterns/projection.js'
import type { PatternRow } from '../patterns/table.js'
import { receivedEventRow } from '../received-events/projection.js'
import type { ReceivedEventRow } from '../received-events/table.js'
import { transitionOf } from '../transitions/projection.js'
import type { TransitionRow } from '../transitions/table.js'
import { evolveWork } from '../works/projection.js'
import type { WorkRow } from '../works/table.js'
import { ofFamily } from './families.js'

/** The rows that have a past: what of them exists before some events, by their keys. */
export type Existing = {
  journeys: ReadonlyMap<string, JourneyRow>
  works: ReadonlyMap<string, WorkRow>
  agents: ReadonlyMap<string, AgentRow>
}

export const nothing: Existing = { journeys: new Map(), works: new Map(), agents: new Map() }

/** What one event did to the row it belongs to. */
export type Step =
  | { family: 'journey'; recorded: Recorded<Journey.Event>; before: JourneyRow | undefined; after: JourneyRow }
  | { family: 'work'; recorded: Recorded<UnitOfWork.Event>; before: WorkRow | undefined; after: WorkRow }
  | { family: 'agent'; recorded: Recorded<Agent.Event>; before: AgentRow | undefined; after: AgentRow }
  | { family: 'received'; recorded: Recorded<Received> }

/** Rows to write, those of each table with distinct keys. */
export type Rows = {
  journey_states: JourneyRow[]
  unit_of_works: WorkRow[]
  stage_transitions: TransitionRow[]
  exit_criteria_results: EvaluationRow[]
  approvals: ApprovalRow[]
  agents: AgentRow[]
  journey_events: HistoryRow[]
  received_events: ReceivedEventRow[]
  knowledge_shares: KnowledgeShareRow[]
  patterns: PatternRow[]
  notifications: NotificationRow[]
}

export type Folded = { rows: Rows; steps: Step[] }

/**
 * What some events make of the read model. Pure: the projector, a rebuild and the offline fold of the specs all go through
 * here. Events must be in order, each stream without gaps; which rows they touch must be in `existing`, as far as they exist.
 *
 * @throws malformed `projection/never_begun`
 */
export const fold = (existing: Existing, events: readonly AnyRecorded[]): Folded => {
  const journeys = new Map<string, JourneyRow>()
  const works = new Map<string, WorkRow>()
  const agents = new Map<string, AgentRow>()
  const steps = events.map((one): Step => {
    const { family, recorded } = ofFamily(one)
    switch (family) {
      case 'journey': {
        const key = recorded.event.data.client_id
        const before = journeys.get(key) ?? existing.journeys.get(key)
        const after = evolveJourney(before, recorded)
        journeys.set(key, after)
        return { family, recorded, before, after }
      }
      case 'work': {
        const key = recorded.event.data.work_id
        const before = works.get(key) ?? existing.works.get(key)
        const after = evolveWork(before, recorded)
        works.set(key, after)
        return { family, recorded, before, after }
      }
      case 'agent': {
        const key = recorded.event.data.agent_id
        const before = agents.get(key) ?? existing.agents.get(key)
        const after = evolveAgent(before, recorded)
        agents.set(key, after)
        return { family, recorded, before, after }
      }
      case 'received': {
        const key = outsideAgentId(recorded.event)
        const after =
          key === undefined ? undefined : evolveOutsideAgent(agents.get(key) ?? existing.agents.get(key), recorded)
        if (after) agents.set(after.agent_id, after)
        return { family, recorded }
      }
    }
  })
  const received = steps.flatMap((step) => (step.family === 'received' ? step.recorded : []))
  return {
    steps,
    rows: {
      journey_states: [...journeys.values()],
      unit_of_works: [...works.values()],
      stage_transitions: steps.flatMap((step) =>
        step.family === 'journey' ? (transitionOf(step.before, step.after, step.recorded) ?? []) : [],
      ),
      exit_criteria_results: steps.flatMap((step) => (step.family === 'journey' ? evaluationRows(step.recorded) : [])),
      approvals: [...works.values()].flatMap(approvalRows),
      agents: [...agents.values()],
      journey_events: steps.flatMap((step) =>
        step.family === 'received' ? [] : historyRow(step.recorded, step.family === 'agent' ? undefined : step.after),
      ),
      received_events: received.map(receivedEventRow),
      knowledge_shares: received.flatMap((one) => knowledgeShareRow(one) ?? []),
      patterns: received.flatMap((one) => patternRow(one) ?? []),
      notifications: received.flatMap((one) => notificationRow(one) ?? []),
    },
  }
}

/** The rows that whole streams lead to. */
export const foldAll = (events: readonly AnyRecorded[]): Rows => fold(nothing, events).rows
