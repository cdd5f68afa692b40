import { Counter, Gauge, type Registry } from 'prom-client'

export type RelayMeters = ReturnType<typeof createRelayMeters>

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
  lag: new Gauge({
    name: 'journey_relay_lag_seconds',
    help: 'Age of the event published last, when it was published',
    registers: [registry],
  }),
  position: new Gauge({
    name: 'journey_relay_checkpoint_position',
    help: 'Commit position up to which everything is confirmed',
    registers: [registry],
  }),
})
