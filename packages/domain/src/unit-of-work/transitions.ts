import type { Transitions } from '../journey/transitions.js'
import type { Event, State } from './unit-of-work.js'

const work = {
  TaskExecutionStarted: 'in_progress',
  TaskExecutionCompleted: 'in_progress',
  TaskExecutionFailed: 'in_progress',
  TaskRetryScheduled: 'in_progress',
  TaskLateResultRecorded: 'in_progress',
  ApprovalRequested: 'in_progress',
  ApprovalDecided: 'in_progress',
  UnitOfWorkCompleted: 'completed',
  UnitOfWorkFailed: 'failed',
  UnitOfWorkCancelled: 'cancelled',
} as const

/** The life cycle of a unit of work. A failed one, or one that a person cancelled, goes on when its tasks are tried again. */
export const transitions = {
  none: { UnitOfWorkCreated: 'in_progress' },
  in_progress: work,
  failed: {
    TaskExecutionStarted: 'in_progress',
    TaskExecutionFailed: 'in_progress',
    ApprovalRequested: 'in_progress',
    TaskLateResultRecorded: 'failed',
    UnitOfWorkCancelled: 'cancelled',
  },
  completed: { TaskLateResultRecorded: 'completed' },
  cancelled: {
    TaskExecutionStarted: 'in_progress',
    TaskExecutionFailed: 'in_progress',
    ApprovalRequested: 'in_progress',
    TaskLateResultRecorded: 'cancelled',
  },
} as const satisfies Transitions<State['status'], Event['type']>
