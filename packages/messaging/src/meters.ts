import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { createInHand } from './in-hand.js'

/** What the bus counts; one set per service, in the service's registry. */
export type BusMeters = ReturnType<typeof createBusMeters>

export const createBusMeters = (registry: Registry) => ({
  consumed: new Counter({
    name: 'journey_bus_messages_consumed_total',
    help: 'Messages taken from a queue, by what became of them',
    labelNames: ['queue', 'outcome'],
    registers: [registry],
  }),
  published: new Counter({
    name: 'journey_bus_messages_published_total',
    help: 'Messages published, by what the broker said',
    labelNames: ['exchange', 'outcome'],
    registers: [registry],
  }),
  handling: new Histogram({
    name: 'journey_bus_message_handling_seconds',
    help: 'Time from taking a message, or a batch, to its settlement',
    labelNames: ['queue'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  }),
  retries: new Counter({
    name: 'journey_bus_retries_total',
    help: 'Messages sent to wait for another try, by how long they wait',
    labelNames: ['queue', 'delay'],
    registers: [registry],
  }),
  breakerOpen: new Gauge({
    name: 'journey_bus_breaker_open',
    help: 'Breaker of a consumer: 1 while it is open, because a server that it needs is away; 0 closed',
    labelNames: ['queue'],
    registers: [registry],
  }),
  inHand: createInHand(registry),
  deadLetters: new Counter({
    name: 'journey_dead_letters_total',
    help: 'Dead letters taken into the table, by queue and reason',
    labelNames: ['queue', 'reason'],
    registers: [registry],
  }),
  paused: new Gauge({
    name: 'journey_bus_consumers_paused',
    help: '1 while the consumers of the instance are paused by a broadcast',
    registers: [registry],
  }),
})
