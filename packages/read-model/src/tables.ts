import type { AdmissionsTable } from './admissions/table.js'
import type { AgentsTable } from './agents/table.js'
import type { ApprovalsTable } from './approvals/table.js'
import type { ArchiveJobsTable } from './archive-jobs/table.js'
import type { BegunDeliveriesTable } from './begun/table.js'
import type { CheckpointsTable, PositionIndexTable } from './checkpoints/table.js'
import type { CommandsTable } from './commands/table.js'
import type {
  DeadLetterActionsTable,
  DeadLetterJobItemsTable,
  DeadLetterJobsTable,
  DeadLettersTable,
} from './dead-letters/table.js'
import type { DeliveriesTable } from './deliveries/table.js'
import type { DispatchesTable } from './dispatches/table.js'
import type { ExitCriteriaResultsTable } from './evaluations/table.js'
import type { ServiceFiguresTable } from './figures/table.js'
import type { ParkedStreamsTable, ProjectionGatesTable } from './gates/table.js'
import type { ControlActionsTable } from './control/table.js'
import type { AgentHeartbeatsTable } from './heartbeats/table.js'
import type { JourneyEventsTable } from './history/table.js'
import type { JourneyStatesTable } from './journeys/table.js'
import type { KnowledgeSharesTable } from './knowledge-shares/table.js'
import type { NotificationsTable } from './notifications/table.js'
import type { PartitionsTable } from './partitions/table.js'
import type { PatternsTable } from './patterns/table.js'
import type { DataKeysTable, ErasuresTable } from './privacy/table.js'
import type { ProofSecretsTable } from './proofs/table.js'
import type { ReceivedEventsTable } from './received-events/table.js'
import type { ReceivedIdsTable } from './received/table.js'
import type { ReplaysTable } from './replays/table.js'
import type { TimersTable } from './timers/table.js'
import type { StageTransitionsTable } from './transitions/table.js'
import type { UnitOfWorksTable } from './works/table.js'

/** Tables that follow from the streams and can be dropped and rebuilt at will, in an order that foreign keys allow. */
export type DerivedTables = {
  journey_states: JourneyStatesTable
  unit_of_works: UnitOfWorksTable
  stage_transitions: StageTransitionsTable
  exit_criteria_results: ExitCriteriaResultsTable
  approvals: ApprovalsTable
  agents: AgentsTable
  journey_events: JourneyEventsTable
  received_events: ReceivedEventsTable
  knowledge_shares: KnowledgeSharesTable
  patterns: PatternsTable
  notifications: NotificationsTable
  projection_gates: ProjectionGatesTable
  parked_streams: ParkedStreamsTable
}

/** Tables that nothing else tells: backed up, never touched by a rebuild. */
export type OperationalTables = {
  commands: CommandsTable
  dead_letters: DeadLettersTable
  dead_letter_actions: DeadLetterActionsTable
  dead_letter_jobs: DeadLetterJobsTable
  dead_letter_job_items: DeadLetterJobItemsTable
  replays: ReplaysTable
  deliveries: DeliveriesTable
  agent_heartbeats: AgentHeartbeatsTable
  checkpoints: CheckpointsTable
  position_index: PositionIndexTable
  timers: TimersTable
  dispatches: DispatchesTable
  admissions: AdmissionsTable
  service_figures: ServiceFiguresTable
  archive_jobs: ArchiveJobsTable
  begun_deliveries: BegunDeliveriesTable
  partitions: PartitionsTable
  data_keys: DataKeysTable
  erasures: ErasuresTable
  received_ids: ReceivedIdsTable
  control_actions: ControlActionsTable
  proof_secrets: ProofSecretsTable
}

export type Tables = DerivedTables & OperationalTables

export const derivedTables = [
  'journey_states',
  'unit_of_works',
  'stage_transitions',
  'exit_criteria_results',
  'approvals',
  'agents',
  'journey_events',
  'received_events',
  'knowledge_shares',
  'patterns',
  'notifications',
  'projection_gates',
  'parked_streams',
] as const satisfies (keyof DerivedTables)[]

export const operationalTables = [
  'commands',
  'dead_letters',
  'dead_letter_actions',
  'dead_letter_jobs',
  'dead_letter_job_items',
  'replays',
  'deliveries',
  'agent_heartbeats',
  'checkpoints',
  'position_index',
  'timers',
  'dispatches',
  'admissions',
  'service_figures',
  'archive_jobs',
  'begun_deliveries',
  'partitions',
  'data_keys',
  'erasures',
  'received_ids',
  'control_actions',
  'proof_secrets',
] as const satisfies (keyof OperationalTables)[]
