import { familyQueue, receivedFamilies } from '@journey/contracts'
import type { Backlog } from '@journey/event-store'
import type { ServiceReport } from '@journey/read-model'
import type { QueueFigures } from './queues.js'
import { seriesOf, worst } from './reports.js'
import type { Told } from './stats.js'

/** How far a consumer is behind: messages it has not settled yet, and the age of the oldest. Null where nobody can tell; `reason` says why. */
export type Lag = {
  consumer: string
  /** Null for the relay, which reads the log. */
  queue: string | null
  events: number | null
  /** There are more than were counted. */
  at_least: boolean
  seconds: number | null
  /** How many consume it now. */
  consumers: number | null
  reason: string | null
}

type Unknown = { status: 'unknown'; reason: string }

/** The lag of the relay, then of each queue that a service of ours consumes, in the order of their names. */
export const lagsOf = (
  relay: Told<Backlog>,
  queues: Told<{ items: QueueFigures[] }>,
  reports: readonly ServiceReport[] | Unknown,
): Lag[] => {
  const alive = 'status' in reports ? [] : reports
  const consumed = new Set([
    ...seriesOf(alive, 'journey_bus_lag_seconds').map(({ labels }) => String(labels.queue)),
    ...(queues.status === 'known' ? queues.items.map(({ queue }) => queue) : []),
  ])
  const names = [...consumed].filter((queue) => isOfOthers(queue) || isWorkQueue.test(queue)).sort(byName)
  return [lagOfRelay(relay), ...names.map((queue) => lagOf(queue, queues, reports))]
}

const isWorkQueue = /^(command-handler|projector|saga-processor|notifier)\.(?!.*\.(dlq|retry\..+)$)/
/** What others publish, which the command-handler records; the queue of an agent may have a similar name. */
const isOfOthers = (queue: string): boolean => receivedFamilies.some((family) => familyQueue(family) === queue)
const consumerOf = (queue: string): string => (isOfOthers(queue) ? 'command-handler' : queue.split('.')[0]!)
const byName = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true })

const lagOfRelay = (relay: Told<Backlog>): Lag => {
  const whose = { consumer: 'event-relay', queue: null, consumers: null }
  if (relay.status === 'unknown')
    return { ...whose, events: null, at_least: false, seconds: null, reason: relay.reason }
  const { events, isMore, oldestAt } = relay
  return { ...whose, events, at_least: isMore, seconds: ageOf(oldestAt), reason: null }
}

const ageOf = (at: string | undefined): number =>
  at === undefined ? 0 : Math.max(0, Math.round((Date.now() - Date.parse(at)) / 10) / 100)

const lagOf = (
  queue: string,
  queues: Told<{ items: QueueFigures[] }>,
  reports: readonly ServiceReport[] | Unknown,
): Lag => {
  const found = queues.status === 'known' ? queues.items.find((one) => one.queue === queue) : undefined
  const inHand = 'status' in reports ? undefined : worst(reports, 'journey_bus_in_hand_count', { queue })
  const told = 'status' in reports ? undefined : worst(reports, 'journey_bus_lag_seconds', { queue })
  // What the broker tells is up to 5 s old: messages that a consumer has in hand are there whatever it says.
  const events = found ? Math.max(found.ready + found.unacknowledged, inHand ?? 0) : null
  const consumers = found?.consumers ?? null
  const whose = { consumer: consumerOf(queue), queue, events, at_least: false, consumers }
  const unknown = (reason: string): Lag => ({ ...whose, seconds: null, reason })
  if (told !== undefined && (told > 0 || events === 0 || consumers !== 0))
    return { ...whose, seconds: Math.round(told * 100) / 100, reason: events === null ? reasonOf(queues) : null }
  if ('status' in reports) return unknown(reports.reason)
  if (events === 0) return { ...whose, seconds: 0, reason: null }
  return unknown(consumers === 0 ? 'nobody consumes this queue' : 'no running service tells of this queue')
}

const reasonOf = (queues: Told<object>): string =>
  queues.status === 'unknown' ? queues.reason : 'the broker tells nothing of this queue yet'
