export { createDatabase, type Database, type DatabaseOptions } from './database.js'
export { databaseFault, sqlStateOf } from './faults.js'
export { json, jsonOrNull, type JsonText, type Position } from './columns.js'
export { derivedTables, operationalTables, type DerivedTables, type OperationalTables, type Tables } from './tables.js'
export type { AdmissionRow, AdmissionsTable } from './admissions/table.js'
export type { AgentRow, AgentsTable } from './agents/table.js'
export type { ApprovalRow, ApprovalsTable } from './approvals/table.js'
export {
  archiveJobOf,
  archiveJobUnderWay,
  endArchiveJob,
  findArchiveJobs,
  lastArchiveRun,
  noteArchiveProgress,
  requestArchiveJob,
} from './archive-jobs/store.js'
export type { ArchiveJobKind, ArchiveJobOptions, ArchiveJobResult, ArchiveJobRow } from './archive-jobs/table.js'
export { begunIn, deathsOf, forgetBegun, noteBegun, purgeBegun, takeBackBegun, type Deaths } from './begun/begun.js'
export { knownProofs, relayProofs } from './proofs/proofs.js'
export type { ProofSecretsTable } from './proofs/table.js'
export { claimReceivedId, noteReceived, type ReceivedId } from './received/ids.js'
export { findReceivedEvents, type Before, type ReceivedEventFilter } from './received-events/queries.js'
export type { ReceivedEventRow, ReceivedEventsTable } from './received-events/table.js'
export { findKnowledgeShares, type KnowledgeShareFilter } from './knowledge-shares/queries.js'
export type { KnowledgeShareRow, KnowledgeSharesTable } from './knowledge-shares/table.js'
export { findPatterns, type PatternFilter } from './patterns/queries.js'
export type { PatternRow, PatternsTable } from './patterns/table.js'
export { findNotifications, type NotificationFilter } from './notifications/queries.js'
export type { NotificationRow, NotificationsTable } from './notifications/table.js'
export type { ReceivedIdsTable } from './received/table.js'
export type { BegunDeliveriesTable } from './begun/table.js'
export type { CheckpointRow, CheckpointsTable, PositionIndexTable } from './checkpoints/table.js'
export type { CommandRow, CommandsTable } from './commands/table.js'
export type {
  DeadLetterAction,
  DeadLetterActionsTable,
  DeadLetterJobItemsTable,
  DeadLetterJobRow,
  DeadLetterJobsTable,
  DeadLetterRow,
  DeadLettersTable,
  DeadLetterState,
  DeadLetterTry,
} from './dead-letters/table.js'
export { attemptNextDelivery, type Attempted, type DeliveryVerdict, type DueDelivery } from './deliveries/attempt.js'
export { hearDeliveries } from './deliveries/hear.js'
export { storeDelivery, type NewDelivery } from './deliveries/store.js'
export type { DeliveriesTable, DeliveryRow, DeliveryTry } from './deliveries/table.js'
export type { DispatchesTable, DispatchRow } from './dispatches/table.js'
export type { EvaluationRow, ExitCriteriaResultsTable } from './evaluations/table.js'
export type { ServiceFiguresRow, ServiceFiguresTable } from './figures/table.js'
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
export type { PartitionsTable } from './partitions/table.js'
export {
  confirmWithinMinutes,
  eraseClient,
  erasuresOf,
  refuseActive,
  requestErasure,
  type Erasable,
} from './privacy/erase.js'
export { keyCounts, rewrapKeys } from './privacy/rewrap.js'
export { createVault } from './privacy/vault.js'
export type { DataKeyRow, DataKeysTable, ErasureRow, ErasuresTable } from './privacy/table.js'
export type { ReplayFilter, ReplayMode, ReplayRow, ReplaysTable, ReplayState } from './replays/table.js'
export {
  completeReplay,
  findReplays,
  moveReplay,
  replayOf,
  replayUnderWay,
  requestReplay,
  type NewReplay,
  type ReplayConsumers,
  type ReplayListFilter,
  type ReplayMove,
  type ReplayProgress,
} from './replays/store.js'
export {
  analyzeGeneration,
  createGeneration,
  dropGeneration,
  generationExists,
  indexGeneration,
  streamsBehind,
  swapGeneration,
  type Behind,
} from './rebuild/generation.js'
export { runReplays, type ReplayJob, type ReplayWork } from './replays/runner.js'
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
export { fold, foldAll, type Existing, type Folded, type Rows, type Step } from './projection/fold.js'
export { project } from './projection/project.js'
export { rehearseApplying, type Rehearsed } from './projection/rehearsed.js'
export { rehearse } from './rehearsal.js'
export { reproject } from './projection/reproject.js'
export { readModelConsumer } from './projection/consumer.js'
export {
  applyBatch,
  applySlice,
  parkUntried,
  retryParked,
  type Applied,
  type AppliedSlice,
  type Batch,
  type Consumer,
  type Freed,
} from './gates/apply-batch.js'
export { appliedEvents, appliedRevision } from './gates/gates.js'
export { figuresEveryMs, reportFigures, serviceReports, type ServiceReport } from './figures/figures.js'
export { countDeadlyTry, parkedOverview, parkedStreams } from './gates/parked.js'
export { activeByStage } from './journeys/active.js'
export { passRates } from './evaluations/pass-rates.js'
export {
  answerOf,
  areHeld,
  claim,
  purge,
  settle,
  settleAll,
  type Claim,
  type Claimed,
  type Settlement,
} from './commands/outcomes.js'
export { createKeepDeadLetter, keepDeadLetter, type DeadCommand, type Letter } from './dead-letters/keep.js'
export { resolveRetried, resolveTasks } from './dead-letters/resolve.js'
export { deadLetterCounts, purgeDeadLetters, type DeadLetterCounts } from './dead-letters/care.js'
export {
  deadLetterJobOf,
  endDeadLetterJob,
  nextDeadLetterJob,
  noteItem,
  requestDeadLetterJob,
  runningDeadLetterJobs,
  waitingItems,
  type DeadLetterJob,
} from './dead-letters/jobs.js'
export { orderedConsumer, parkedId, parkedStreamIn } from './dead-letters/parked.js'
export {
  deadLetterGroups,
  deadLetterOf,
  findDeadLetters,
  openDeadLetters,
  openLettersOf,
  parkedStreamOf,
  type DeadLetterEntry,
  type DeadLetterFilter,
  type DeadLetterGroup,
  type StoppedBy,
} from './dead-letters/queries.js'
export {
  beginRetry,
  discardDeadLetter,
  discardStream,
  editDeadLetter,
  notePublished,
  nextRetryOf,
  noteStreamAction,
  reopenForgotten,
  unpublishedRetries,
  withdrawRetry,
  type Acted,
  type By,
  type Retry,
} from './dead-letters/retrying.js'
export type { ControlActionRow, ControlActionsTable } from './control/table.js'
export { noteControl, standingOrder, standingOrders, withdrawControl, type NewControlAction } from './control/store.js'
export { noteHeartbeat } from './heartbeats/note.js'
export { liveAgents, registeredAgents, type LiveAgent } from './agents/alive.js'
export { loadCheckpoint, notePosition, positionBefore, saveCheckpoint } from './checkpoints/checkpoint.js'
export { closeEventGap, eventGap, noteEventGap, wholeUpTo, type EventGap } from './checkpoints/gap.js'
export { alone, lead } from './leadership/leadership.js'
export { holdingPartitions, letGoOfQueues, partitionsOf, sharePartitions } from './partitions/partitions.js'
export { cancelTimers, fireDue, setTimers, type TimedCommand, type Timer } from './timers/timers.js'
export {
  dispatchWaiting,
  settleDispatches,
  storeDispatches,
  waitingDispatches,
  type Dispatch,
  type Dispatched,
  type Published,
  type WaitingDispatch,
} from './dispatches/dispatches.js'
export { admissionCounts, admitWaiting, makeRoom, requestAdmissions, type Admission } from './admissions/admissions.js'
export { waitingAdmissionsOf } from './admissions/queries.js'
export { findAgents, type AgentFilter, type AgentView } from './agents/queries.js'
export { findApprovals, type ApprovalFilter } from './approvals/queries.js'
export { announce, outcomesOf, withdraw, type Announced, type Announcement, type Outcome } from './commands/queries.js'
export { openDispatchesOf } from './dispatches/queries.js'
export { evaluationsOf } from './evaluations/queries.js'
export { parkedAmong, readableRevisions } from './gates/queries.js'
export { historyOf, journeyEventsUntil, positionAt, type HistoryFilter, type Moment } from './history/queries.js'
export { findJourneys, journeyOf, journeyOrders, type JourneyFilter, type JourneyOrder } from './journeys/queries.js'
export { nextEvaluations } from './timers/queries.js'
export { transitionsOf, type TransitionFilter } from './transitions/queries.js'
export { unfinishedWorksOf, workOf, worksOf, type WorkFilter, workIdsOf } from './works/queries.js'
export { overdueByStage } from './journeys/overdue.js'
