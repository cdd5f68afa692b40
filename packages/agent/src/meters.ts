import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What agents count; the agents of one process share one registry. */
export type AgentMeters = {
  tasks: Counter<'intent' | 'outcome'>
  seconds: Histogram<'intent'>
  active: Gauge<'agent'>
}

const known = new WeakMap<Registry, AgentMeters>()

/** The meters of a registry, made at the first call. */
export const metersIn = (registry: Registry): AgentMeters => {
  const meters = known.get(registry) ?? createMeters(registry)
  known.set(registry, meters)
  return meters
}

const createMeters = (registry: Registry): AgentMeters => ({
  tasks: new Counter({
    name: 'journey_agent_tasks_total',
    help: 'Tasks taken, by what became of them: completed, failed, or expired before they could start',
    labelNames: ['intent', 'outcome'],
    registers: [registry],
  }),
  seconds: new Histogram({
    name: 'journey_agent_task_seconds',
    help: 'Time a handler took',
    labelNames: ['intent'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120],
    registers: [registry],
  }),
  active: new Gauge({
    name: 'journey_agent_active_tasks',
    help: 'Tasks under way',
    labelNames: ['agent'],
    registers: [registry],
  }),
})
