import type { Agent, Journey, UnitOfWork } from '@journey/domain'

export type DomainEvent = Journey.Event | UnitOfWork.Event | Agent.Event
export type StoredType = DomainEvent['type']

/** The type under which an event is stored, and the one under which it goes over the bus: two words, so that `family.*` matches. */
export const busTypes = {
  JourneyStarted: 'journey.started',
  ExitEvaluationRequested: 'journey.exit_evaluation_requested',
  ExitCriteriaEvaluated: 'journey.exit_criteria_evaluated',
  StagePromoted: 'journey.stage_promoted',
  PromotionHeld: 'journey.promotion_held',
  PromotionReleased: 'journey.promotion_released',
  RollbackInitiated: 'journey.rollback_initiated',
  RollbackCompleted: 'journey.rollback_completed',
  RollbackFailed: 'journey.rollback_failed',
  JourneyCancelled: 'journey.cancelled',
  JourneyCompleted: 'journey.completed',
  UnitOfWorkCreated: 'unit_of_work.created',
  UnitOfWorkCompleted: 'unit_of_work.completed',
  UnitOfWorkFailed: 'unit_of_work.failed',
  UnitOfWorkCancelled: 'unit_of_work.cancelled',
  TaskExecutionStarted: 'task.execution_started',
  TaskExecutionCompleted: 'task.execution_completed',
  TaskExecutionFailed: 'task.execution_failed',
  TaskRetryScheduled: 'task.retry_scheduled',
  TaskLateResultRecorded: 'task.late_result_recorded',
  ApprovalRequested: 'approval.requested',
  ApprovalDecided: 'approval.decided',
  AgentCreated: 'agent.created',
  AgentUpdated: 'agent.updated',
} as const satisfies Record<StoredType, string>

export type BusType = (typeof busTypes)[StoredType]

const storedTypes = Object.fromEntries(Object.entries(busTypes).map(([stored, bus]) => [bus, stored])) as Record<
  string,
  StoredType
>

export const isStoredType = (type: string): type is StoredType => Object.hasOwn(busTypes, type)
export const storedTypeOf = (busType: string): StoredType | undefined =>
  Object.hasOwn(storedTypes, busType) ? storedTypes[busType] : undefined
