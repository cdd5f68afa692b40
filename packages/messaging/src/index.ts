export { createBatchConsumer, type BatchConsumerOptions } from './batch-consumer.js'
export { bindQueue, queueExists, unbindQueue } from './binding.js'
export { createBreaker, type Breaker, type BreakerOptions } from './breaker.js'
export { createConnection, type Connection, type ConnectionOptions, type Server } from './connection.js'
export { createConsumer, RejectDelivery, type ConsumerOptions } from './consumer.js'
export { createControl, type Control, type Standing } from './control.js'
export { correlate } from './correlate.js'
export {
  attemptsHeader,
  deadLetter,
  failuresBefore,
  firstFailedHeader,
  readDeadLetter,
  retryLater,
  type DeadLetter,
  type DeadLetterCause,
} from './dead-letter.js'
export { createDeadLetterDrain, type DeadLetterDrain } from './drain.js'
export { createListener, type ListenerOptions } from './listener.js'
export type { Fate, Headers, Message, Original, Properties } from './message.js'
export { createBusMeters, type BusMeters } from './meters.js'
export { observe } from './observe.js'
export {
  createOrderedPublisher,
  type OrderedPublisher,
  type OrderedPublisherOptions,
  type Publication,
} from './ordered-publisher.js'
export { pipeline, type Handler, type Middleware } from './pipeline.js'
export { mostDeaths, stopPoison, type Begun } from './poison.js'
export { longestPropertyBytes, type PublishProperties } from './publication.js'
export { createPublisher, type Publisher, type PublisherOptions } from './publisher.js'
export { closeRetried, retriedOf, retryMark, type Retried } from './retried.js'
export { settle, type SettleOptions } from './settle.js'
export { applyTopology, findTopology, planTopology } from './topology/apply.js'
export { createBrokerTeller } from './topology/broker.js'
export { declareTopology } from './topology/declare.js'
export { differencesBetween, type Difference, type Found } from './topology/differences.js'
export {
  createManagement,
  type FoundBinding,
  type FoundExchange,
  type FoundQueue,
  type Management,
} from './topology/management.js'
export { deadReasons, verdictFor, type DeadReason, type Verdict } from './verdict.js'
