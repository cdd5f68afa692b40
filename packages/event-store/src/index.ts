export type { Aggregate, Recorded } from './aggregate.js'
export { backlogAfter, type Backlog } from './backlog.js'
export { eventIdFor } from './event-ids.js'
export {
  createEventStore,
  type Appended,
  type EventStore,
  type Expected,
  type Page,
  type ReadStream,
} from './event-store.js'
export type { NewEvent, StoredEvent } from './events.js'
export { notingStore, type Noted } from './noting-store.js'
export {
  createRepository,
  type CommandKey,
  type Consent,
  type DecidedEvent,
  type Loaded,
  type Outcome,
  type Repository,
} from './repository.js'
export { flaws, type Flaw } from './snapshot.js'
export { createSnapshots, type SnapshotOutcome, type Snapshots } from './snapshots.js'
export { sealedStore, type Seal } from './sealed-store.js'
export type { Delivery, SubscribeToAll } from './subscription.js'
export { clockSkewMs, happenedAt, readWindow, type Window, type WindowPart } from './window.js'
