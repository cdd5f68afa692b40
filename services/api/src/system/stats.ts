import { pausableServices, retrySteps, selectionOf } from '@journey/contracts'
import { backlogAfter, type EventStore } from '@journey/event-store'
import {
  activeByStage,
  deadLetterCounts,
  findReplays,
  loadCheckpoint,
  parkedOverview,
  runningDeadLetterJobs,
  serviceReports,
  standingOrders,
  type Database,
  type ServiceReport,
} from '@journey/read-model'
import { messageOf, readiness, type Check } from '@journey/runtime'
import { lagsOf } from './lags.js'
import type { QueuesTold, ReadQueues } from './queues.js'
import { summed, worst } from './reports.js'

/** A part of the whole that could be told, or why not. */
export type Told<T> = ({ status: 'known' } & T) | { status: 'unknown'; reason: string }

export type Stats = Awaited<ReturnType<typeof look>>

type Sources = {
  db: Database['db']
  store: Pick<EventStore, 'readAll'>
  readQueues: ReadQueues
  checks: Record<string, Check>
  /** How long any part may take before it counts as unknown this time. */
  limitMs?: number
}

/** Events of the log that are counted at most for the lag of the relay. */
const mostCounted = 1_000
const overdueAfterDays = 5

/**
 * How the whole system does, for people and dashboards: asked anew once a second at most, however many ask. A part that is away or slow
 * says so and takes nothing from the others.
 */
export const createStats = (sources: Sources, freshForMs = 1_000): (() => Promise<Stats>) => {
  let last: { until: number; stats: Promise<Stats> } | undefined
  return () => {
    if (last && Date.now() < last.until) return last.stats
    const stats = look(sources)
    last = { until: Date.now() + freshForMs, stats }
    return stats
  }
}

const look = async ({ db, store, readQueues, checks, limitMs = 250 }: Sources) => {
  const told = <T extends object>(work: () => Promise<T>) => within(limitMs, work)
  const [servers, journeys, reports, queues, relay, parked, deadLetters, jobs, replays, orders] = await Promise.all([
    told(async () => ({ checks: (await readiness(checks)).checks })),
    told(async () => ({ active: Object.fromEntries(await activeByStage(db)) })),
    told(async () => ({ reports: await serviceReports(db) })),
    told(readQueues),
    told(async () => {
      const after = (await loadCheckpoint(db, 'event-relay')) ?? 'start'
      return backlogAfter(store, after, { isMeant: selectionOf({}), most: mostCounted })
    }),
    told(() => parkedOverview(db, 'projector')),
    told(async () => {
      const { byState, overdue, poison, oldestOpenAt } = await deadLetterCounts(db, overdueAfterDays)
      const of = (state: 'open' | 'retrying' | 'resolved' | 'discarded') => byState.get(state) ?? 0
      const counts = {
        open: of('open'),
        retrying: of('retrying'),
        resolved: of('resolved'),
        discarded: of('discarded'),
      }
      return { ...counts, overdue, poison, oldest_open_at: oldestOpenAt }
    }),
    told(async () => ({ running: await runningDeadLetterJobs(db) })),
    told(async () => {
      const of = (state: 'running' | 'paused') => findReplays(db, { state, limit: 50, after: undefined })
      const [running, paused] = await Promise.all([of('running'), of('paused')])
      const view = ({ id, consumer, mode, done, total }: (typeof running)[number]) => ({
        id,
        consumer,
        mode,
        done,
        total,
      })
      return { running: running.map(view), paused: paused.map(view) }
    }),
    told(async () => ({ orders: await standingOrders(db, pausableServices) })),
  ])
  const alive = reports.status === 'known' ? reports.reports.filter(({ silent }) => !silent) : []
  const fromReports = <T extends object>(read: (alive: readonly ServiceReport[]) => T): Told<T> =>
    reports.status === 'known' ? { status: 'known', ...read(alive) } : reports
  const fromProjector = <T extends object>(read: (alive: readonly ServiceReport[]) => T): Told<T> =>
    reports.status === 'unknown' || alive.some(({ service }) => service === 'projector')
      ? fromReports(read)
      : { status: 'unknown', reason: 'no running projector tells of it' }
  return {
    at: new Date().toISOString(),
    servers,
    services: fromReports(() => ({ items: reports.status === 'known' ? reports.reports.map(serviceView) : [] })),
    journeys,
    rates: fromReports(ratesOf),
    lags: lagsOf(relay, queues, reports.status === 'known' ? alive : reports),
    critical_time: fromProjector((all) => ({
      p50_seconds: worst(all, 'journey_critical_time_recent_seconds', { quantile: 0.5 }) ?? null,
      p99_seconds: worst(all, 'journey_critical_time_recent_seconds', { quantile: 0.99 }) ?? null,
      events: summed(all, 'journey_critical_time_recent_seconds_count'),
    })),
    queues,
    retries: retriesOf(queues),
    parked,
    dead_letters: deadLetters,
    jobs,
    replays,
    order: fromProjector((all) => ({
      gaps_healed: summed(all, 'journey_projection_events_total', { outcome: 'healed' }),
      duplicates_dropped: summed(all, 'journey_projection_events_total', { outcome: 'duplicate' }),
    })),
    paused: pausedOf(
      orders,
      fromReports((all) => ({ all })),
    ),
    breakers: fromReports((all) => ({ items: breakersOf(all) })),
  }
}

const serviceView = ({ service, instance, started_at, at, silent }: ServiceReport) => ({
  ...{ service, instance, status: silent ? ('silent' as const) : ('running' as const) },
  ...{ started_at, last_heard_at: at },
})

/** Per second, over the last ten seconds. */
const ratesOf = (alive: readonly ServiceReport[]) => {
  const rate = (name: string, by: string) => {
    const rates: Record<string, number> = {}
    for (const { figures } of alive)
      for (const figure of figures)
        if (figure.name === name && figure.rate !== undefined) {
          const label = String(figure.labels[by] ?? '')
          rates[label] = Math.round(((rates[label] ?? 0) + figure.rate) * 100) / 100
        }
    return rates
  }
  const total = (rates: Record<string, number>) =>
    Math.round(Object.values(rates).reduce((a, b) => a + b, 0) * 100) / 100
  const published = rate('journey_bus_messages_published_total', 'exchange')
  const consumed = rate('journey_bus_messages_consumed_total', 'queue')
  return { published_per_second: total(published), consumed_per_second: total(consumed), published, consumed }
}

/** What waits for another try, by queue and delay. */
const retriesOf = (queues: Told<QueuesTold>): Told<{ asked_at: string; items: Retries[] }> => {
  if (queues.status === 'unknown') return queues
  const items = queues.items.flatMap(({ queue, ready, unacknowledged }) => {
    const [, of, delay] = /^(.+)\.retry\.([^.]+)$/.exec(queue) ?? []
    const waiting = ready + unacknowledged
    return of !== undefined && delay !== undefined && waiting > 0 ? [{ queue: of, delay, waiting }] : []
  })
  const place = ({ delay }: Retries) => retrySteps.findIndex(({ label }) => label === delay)
  items.sort((a, b) => a.queue.localeCompare(b.queue) || place(a) - place(b))
  return { status: 'known', asked_at: queues.asked_at, items }
}

type Retries = { queue: string; delay: string; waiting: number }

type Orders = { orders: Awaited<ReturnType<typeof standingOrders>> }

/** The services that somebody wants paused, and those of which an instance says that it is. */
const pausedOf = (
  orders: Told<Orders>,
  reports: Told<{ all: readonly ServiceReport[] }>,
): Told<{
  items: { service: string; instances: number; by: string | null; reason: string | null; since: string | null }[]
}> => {
  if (orders.status === 'unknown') return orders
  if (reports.status === 'unknown') return reports
  const items = pausableServices.flatMap((service) => {
    const instances = summed(
      reports.all.filter((one) => one.service === service),
      'journey_bus_consumers_paused',
    )
    const order = orders.orders.find((one) => one.service === service && one.action === 'pause')
    const { actor = null, reason = null, at = null } = order ?? {}
    return at !== null || instances > 0 ? [{ service, instances, by: actor, reason, since: at }] : []
  })
  return { status: 'known', items }
}

/** Of consumers, which pause while a server is away, and of channels to the world outside. */
const breakersOf = (alive: readonly ServiceReport[]) =>
  alive.flatMap(({ service, instance, figures }) =>
    figures.flatMap(({ name, labels, value }) => {
      if (name === 'journey_bus_breaker_open')
        return [{ service, instance, of: String(labels.queue), state: value > 0 ? 'open' : 'closed' }]
      if (name === 'journey_circuit_state')
        return [
          { service, instance, of: String(labels.channel), state: ['closed', 'half_open', 'open'][value] ?? 'open' },
        ]
      return []
    }),
  )

const within = async <T extends object>(limitMs: number, work: () => Promise<T>): Promise<Told<T>> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    return { status: 'known', ...(await Promise.race([work(), late])) }
  } catch (error) {
    return { status: 'unknown', reason: messageOf(error) }
  } finally {
    clearTimeout(timer)
  }
}
