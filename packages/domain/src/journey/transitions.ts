import type { Event, State } from './journey.js'

/** What a life cycle allows: from each status, the events that may happen and the status they lead to. */
export type Transitions<Status extends string, Type extends string> = Record<Status, Partial<Record<Type, Status>>>

/** The life cycle of a journey. The picture in `docs/journey.md` is drawn from this table. */
export const transitions = {
  none: { JourneyStarted: 'active' },
  active: {
    ExitEvaluationRequested: 'active',
    ExitCriteriaEvaluated: 'active',
    StagePromoted: 'active',
    PromotionHeld: 'active',
    PromotionReleased: 'active',
    RollbackInitiated: 'rolling_back',
    JourneyCancelled: 'cancelled',
    JourneyCompleted: 'completed',
  },
  rolling_back: {
    RollbackFailed: 'rolling_back',
    RollbackCompleted: 'active',
    JourneyCancelled: 'cancelled',
  },
  completed: { JourneyStarted: 'active' },
  cancelled: { JourneyStarted: 'active' },
} as const satisfies Transitions<State['status'], Event['type']>
