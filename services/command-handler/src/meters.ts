import { Counter, Histogram, type Registry } from 'prom-client'

export type CommandMeters = ReturnType<typeof createCommandMeters>

export const createCommandMeters = (registry: Registry) => ({
  commands: new Counter({
    name: 'journey_commands_total',
    help: 'Commands settled, by type and status',
    labelNames: ['type', 'status'],
    registers: [registry],
  }),
  handling: new Histogram({
    name: 'journey_command_handling_seconds',
    help: 'Time from reading a command to its durable outcome',
    labelNames: ['type'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers: [registry],
  }),
  snapshots: new Counter({
    name: 'journey_snapshots_total',
    help: 'Snapshots written, failed, read, or ignored for a flaw (all other outcomes), by aggregate',
    labelNames: ['aggregate', 'outcome'],
    registers: [registry],
  }),
})
