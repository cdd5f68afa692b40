export { createDatabase, type Database, type DatabaseOptions } from './database.js'
export { databaseFault, sqlStateOf } from './faults.js'
export { json, jsonOrNull, type JsonText, type Position } from './columns.js'
export { derivedTables, operationalTables, type DerivedTables, type OperationalTables, type Tables } from './tables.js'
export type { AdmissionRow, AdmissionsTable } from './admissions/table.js'
export type { AgentRow, AgentsTable } from './agents/table.js'
export type { ApprovalRow, ApprovalsTable } from './approvals/table.js'
export type { CheckpointRow, CheckpointsTable, PositionIndexTable } from './checkpoints/table.js'
export type { CommandRow, CommandsTable } from './commands/table.js'
export type {
  DeadLetterAction,
  DeadLetterActionsTable,
  DeadLetterRow,
  DeadLettersTable,
  DeadLetterState,
} from './dead-letters/table.js'
export { attemptNextDelivery, type Attempted, type DeliveryVerdict, type DueDelivery } from './deliveries/attempt.js'
export { storeDelivery, type NewDelivery } from './deliveries/store.js'
export type { DeliveriesTable, DeliveryRow, DeliveryTry } from './deliveries/table.js'
export type { DispatchesTable, DispatchRow } from './dispatches/table.js'
export type { EvaluationRow, ExitCriteriaResultsTable } from './evaluations/table.js'
export type { ParkedStream, ParkedStreamsTable, ProjectionGatesTable } from './gates/table.js'
export type { AgentHeartbeatsTable, HeartbeatRow } from './heartbeats/table.js'
export type { HistoryRow, JourneyEventsTable } from './history/table.js'
export type {
  CurrentStage,
  GateView,
  HoldView,
  JourneyMetadata,
  JourneyRow,
  JourneyStatesTable,
  JourneyStatus,
  RollbackView,
} from './journeys/table.js'
export type { ReplayRow, ReplaysTable } from './replays/table.js'
export type { TimerRow, TimersTable } from './timers/table.js'
export type { StageTransitionsTable, TransitionRow } from './transitions/table.js'
export type {
  ApprovalView,
  AttemptView,
  TaskStatus,
  TaskView,
  UnitOfWorksTable,
  WorkResults,
  WorkRow,
  WorkStatus,
} from './works/table.js'
