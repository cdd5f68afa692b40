export {
  readCommand,
  readableCommandId,
  digestOf,
  withDefaults,
  isCommandId,
  idempotencyHeader,
  type CommandEnvelope,
  type Incoming,
  type ReadCommand,
} from './commands/command.js'
export {
  commandKinds,
  isCommandType,
  streamOf,
  type CommandData,
  type CommandKind,
  type CommandType,
  type Decider,
  type DomainCommand,
} from './commands/registry.js'
export { fieldsOf, problemsWith, validate } from './commands/validate.js'
export { dataSchema, type Schema } from './commands/schema.js'
export { bodyLimit, canonicalJson, isStorable, ownBodyLimit, readJson } from './commands/json.js'
export { agentIdPattern, clientIdPattern, intentPattern } from './commands/fields.js'
export type { CommandAnswer, CommandStatus } from './commands/answer.js'
export * as CommandDataClasses from './commands/data.js'
export {
  busTypes,
  isStoredType,
  storedTypeOf,
  type BusType,
  type DomainEvent,
  type StoredType,
} from './events/names.js'
export {
  anyFromBus,
  anyFromStored,
  domainEventOf,
  fromBus,
  fromStored,
  toBus,
  type AnyRecorded,
  type BusEvent,
  type Recorded,
  type Stored,
  type StoredMetadata,
  restoredMark,
} from './events/event.js'
export {
  isReceivedStream,
  readReceived,
  receivedEnvelope,
  receivedSchemas,
  receivedType,
  type ReceivedEvent,
} from './events/received.js'
export type { Received } from './events/received-stored.js'
export { anyStandingOf, readProven, standingOf, type ReadPlace } from './events/hearsay.js'
export { createProofs, proofHeader, type HeardEvent, type Proofs, type Proven } from './events/proof.js'
export { firstVersion, versionOf } from './events/upcast.js'
export { isSelectable, ourStreams, selectionOf, type EventSelection } from './events/selection.js'
export {
  controlActions,
  controlSchema,
  hearingServices,
  pausableServices,
  readControl,
  type ControlAction,
  type ControlMessage,
  type HearingService,
} from './control.js'
export { applyLogLevel, loggingFile, logLevelOf, type LevelSettings } from './config/logging.js'
export { taskMessageId, type TaskMessage } from './tasks.js'
export {
  agentKey,
  agentQueue,
  bucketCount,
  bucketKey,
  bucketOf,
  buckets,
  commandQueue,
  deadLetterKeyOf,
  deliveriesOf,
  deadLetterQueueOf,
  eventQueuesOf,
  exchanges,
  familyQueue,
  intentQueue,
  isOwnQueue,
  migratedBy,
  migrationQueueOf,
  notifierQueue,
  notifierReplayQueue,
  ownedBy,
  partitionKeyOf,
  projectorQueue,
  projectorQueueNumber,
  projectorQueues,
  queueOfName,
  queuesOfAgent,
  queuesOfIntent,
  receivedFamilies,
  retrySteps,
  sagaQueue,
  topologyFor,
  waitingQueueOf,
  withDeadLetters,
  withRetries,
  type Binding,
  type Broker,
  type Bucket,
  type Exchange,
  type Owner,
  type Partitions,
  type Queue,
  type ReceivedFamily,
  type RetryStep,
  type Topology,
} from './topology.js'
export { loadConfiguration, type Configuration } from './config/configuration.js'
export { OrchestratorSettings } from './config/settings.js'
export { codes, type Code } from './codes.js'
export { eventSchemas } from './events/schemas.js'
export { decoded } from './events/decoded.js'
export { dataKeyOf, keyIdOf, openBytes, sealBytes, type DataKey } from './privacy/box.js'
export {
  checkShape,
  comparisonShape,
  creationShape,
  criteriaShape,
  eventShapes,
  taskResultsShape,
} from './privacy/event-shapes.js'
export { masterKeysOf, unwrap, wrap, type MasterKey, type MasterKeys } from './privacy/master-keys.js'
export {
  decodeContent,
  encodeContent,
  redact,
  redacted,
  restore,
  type Piece,
  type Redacted,
  type Shape,
} from './privacy/redaction.js'
export { hasContentInClear, isSealed, openEvents, sealOf, sealedField, sealEvents } from './privacy/sealed-events.js'
export { noClient, type KeyOwner, type Vault } from './privacy/vault.js'
