import type { CircuitState } from '@journey/integrations'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export type DeliveryMeters = ReturnType<typeof createDeliveryMeters>

const circuitValues: Record<CircuitState, number> = { closed: 0, half_open: 1, open: 2 }

/** @param circuits by channel */
export const createDeliveryMeters = (registry: Registry, circuits: Record<string, () => CircuitState>) => {
  const deliveries = new Counter({
    name: 'journey_deliveries_total',
    help: 'Attempts to tell the world outside: delivered, retried (failed, to be tried again), failed (given up), disabled (not sent)',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  // At 0 from the beginning: Prometheus' `increase` does not see the event that a series appears with.
  for (const channel of Object.keys(circuits))
    for (const outcome of ['delivered', 'retried', 'failed']) deliveries.inc({ channel, outcome }, 0)
  return {
    deliveries,
    duration: new Histogram({
      name: 'journey_delivery_duration_seconds',
      help: 'Time one attempt to deliver took',
      labelNames: ['channel'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
    circuit: new Gauge({
      name: 'journey_circuit_state',
      help: 'Circuit breaker of a channel: 0 closed, 1 half-open, 2 open',
      labelNames: ['channel'],
      registers: [registry],
      collect() {
        for (const [channel, state] of Object.entries(circuits)) this.set({ channel }, circuitValues[state()])
      },
    }),
  }
}
