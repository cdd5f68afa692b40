import { Counter, Gauge, type Registry } from 'prom-client'
import type { Backlog } from '@journey/event-store'
import type { Log } from '@journey/runtime'

export type RelayMeters = ReturnType<typeof createRelayMeters>

/**
 * Tells how far the relay is behind whenever it is asked.
 *
 * @param backlog what is not confirmed yet; undefined while another instance relays
 */
export const tellRelayLag = (registry: Registry, backlog: () => Promise<Backlog | undefined>, log: Log): void => {
  const lagEvents = new Gauge({
    name: 'journey_relay_lag_events',
    help: 'Events in the log that are not confirmed yet, counted up to 1000; not told by an instance that stands by',
    registers: [registry],
  })
  new Gauge({
    name: 'journey_relay_lag_seconds',
    help: 'Age of the oldest event in the log that is not confirmed yet; 0 for none; not told by an instance that stands by',
    registers: [registry],
    async collect() {
      this.remove()
      lagEvents.remove()
      try {
        const behind = await backlog()
        if (!behind) return
        lagEvents.set(behind.events)
        this.set(behind.oldestAt === undefined ? 0 : Math.max(0, (Date.now() - Date.parse(behind.oldestAt)) / 1000))
      } catch (error) {
        log.debug({ err: error }, 'the lag of the relay could not be told')
      }
    },
  })
}

export const createRelayMeters = (registry: Registry) => ({
  relayed: new Counter({
    name: 'journey_relay_events_total',
    help: 'Events taken from the log for publishing, repeats included',
    labelNames: ['type'],
    registers: [registry],
  }),
  skipped: new Counter({
    name: 'journey_relay_skipped_total',
    help: 'Events in our streams of a type that is not ours',
    registers: [registry],
  }),
  restarts: new Counter({
    name: 'journey_relay_restarts_total',
    help: 'Times relaying went back to its checkpoint',
    registers: [registry],
  }),
  missingBindings: new Gauge({
    name: 'journey_relay_missing_bindings',
    help: 'Bindings by which queues would hear events and do not; while there are some, nothing is published',
    registers: [registry],
  }),
  position: new Gauge({
    name: 'journey_relay_checkpoint_position',
    help: 'Commit position up to which everything is confirmed',
    registers: [registry],
  }),
})
