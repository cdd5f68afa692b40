import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { followed, type Followers } from './followers.js'

/** The node's figures for `/metrics`. */
export type NodeMeters = {
  /** One group was committed: so many requests, so many events, begun at `process.hrtime.bigint()`. */
  committed(requests: number, events: number, startedAt: bigint): void
}

/** Registers the node's figures; without a registry nothing is counted. */
export const createMeters = (registry: Registry | undefined, followers: Followers): NodeMeters => {
  if (!registry) return { committed: () => undefined }
  const registers = [registry]
  const requests = new Counter({
    name: 'event_store_appends_total',
    help: 'Appends, deletes and tombstones in committed groups',
    registers,
  })
  const events = new Counter({ name: 'event_store_events_total', help: 'Events committed', registers })
  const groupSize = new Histogram({
    name: 'event_store_group_requests',
    help: 'Requests in one transaction',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000],
    registers,
  })
  const duration = new Histogram({
    name: 'event_store_commit_seconds',
    help: 'From the start of a group to its commit',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
    registers,
  })
  const ofFollowers = (name: string, help: string, figure: keyof ReturnType<Followers['figures']>): void => {
    new Gauge({
      name,
      help,
      labelNames: ['kind'],
      registers,
      collect() {
        for (const kind of followed) this.set({ kind }, followers.figures(kind)[figure])
      },
    })
  }
  ofFollowers('event_store_subscriptions', 'Open subscriptions, of the log of everything or of one stream', 'open')
  ofFollowers('event_store_subscription_lag_events', 'Events that the slowest of them has not taken yet', 'lagEvents')
  ofFollowers('event_store_subscription_lag_seconds', 'How long the slowest of them has been behind', 'lagSeconds')
  return {
    committed: (requestCount, eventCount, startedAt) => {
      requests.inc(requestCount)
      events.inc(eventCount)
      groupSize.observe(requestCount)
      duration.observe(Number(process.hrtime.bigint() - startedAt) / 1e9)
    },
  }
}
