import type { Task } from '@journey/agent'
import { overridden, type ByName, type Measurement } from './measurements.js'
import type { ReferenceAgent } from './reference-agent.js'
import { simulationOf } from './simulation.js'

/** One validator: measures what one exit check or success metric is judged by. It judges nothing itself. */
type Validator = { check: string; name: string; measure: (input: Task['input']) => Measurement[] }

const validators: readonly Validator[] = [
  {
    check: 'connectors_syncing',
    name: 'Connector Status Validator',
    measure: (input) => {
      const total = lengthOf(input, 'connectors')
      return [count('connectors_total', total), count('connectors_syncing', total)]
    },
  },
  {
    check: 'search_quality',
    name: 'Search Quality Validator',
    measure: (input) => [
      { name: 'precision', value: 0.92, unit: 'ratio', sample_size: numberIn(input, 'sample_queries') ?? 100 },
    ],
  },
  {
    check: 'security_scan',
    name: 'Security Scan Validator',
    measure: () => [count('vulnerabilities_critical', 0), count('vulnerabilities_high', 1)],
  },
  {
    check: 'user_satisfaction',
    name: 'User Satisfaction Validator',
    measure: (input) => [
      { name: 'score', value: 4.6, unit: '1-5', sample_size: numberIn(input, 'min_responses') ?? 10 },
    ],
  },
  {
    check: 'bug_window',
    name: 'Bug Window Validator',
    measure: (input) => [
      { ...count('bugs_critical', 0), ...windowOf(input) },
      { ...count('bugs_high', 1), ...windowOf(input) },
    ],
  },
  {
    check: 'performance_sla',
    name: 'Performance SLA Validator',
    measure: () => [
      { name: 'p95_latency_ms', value: 310, unit: 'ms' },
      { name: 'error_rate', value: 0.002, unit: 'ratio' },
    ],
  },
  {
    check: 'user_adoption',
    name: 'User Adoption Validator',
    measure: (input) => [{ name: 'adoption', value: 0.78, unit: 'ratio', ...windowOf(input) }],
  },
  {
    check: 'search_satisfaction',
    name: 'Search Satisfaction Validator',
    measure: () => [{ name: 'score', value: 4.6, unit: '1-5', sample_size: 50 }],
  },
  {
    check: 'query_volume_growth',
    name: 'Query Volume Growth Validator',
    measure: (input) => [{ name: 'growth', value: 0.27, unit: 'ratio', ...windowOf(input) }],
  },
  {
    check: 'incidents',
    name: 'Incidents Validator',
    measure: () => [count('incidents_p0', 0), count('incidents_p1', 0)],
  },
]

/**
 * An agent per check. What the settings say of a measured value stands for it, and what the journey's `simulate` says wins over
 * both.
 */
export const validatorAgents = (settings: { measurements: ByName; now: () => Date }): ReferenceAgent[] =>
  validators.map(({ check, name, measure }) => {
    const id = `${check.replaceAll('_', '-')}-validator`
    return {
      id,
      name,
      type: 'validator',
      intents: {
        [`validate_${check}`]: (task) => {
          const measured = measure(task.input).map((one) => ({
            ...one,
            measured_at: settings.now().toISOString(),
            source: id,
          }))
          const ofThese = Object.entries(settings.measurements).filter(([name]) =>
            measured.some((one) => one.name === name),
          )
          const set = overridden(measured, Object.fromEntries(ofThese))
          return { measurements: overridden(set, simulationOf(task).measurements ?? {}) }
        },
      },
    }
  })

const count = (name: string, value: number): Measurement => ({ name, value, unit: 'count' })

const numberIn = (input: Task['input'], name: string): number | undefined => {
  const value = Object.hasOwn(input, name) ? input[name] : undefined
  return typeof value === 'number' ? value : undefined
}

const lengthOf = (input: Task['input'], name: string): number => {
  const value = Object.hasOwn(input, name) ? input[name] : undefined
  return Array.isArray(value) ? value.length : 0
}

const windowOf = (input: Task['input']): { window?: string } => {
  const days = numberIn(input, 'window_days')
  return days === undefined ? {} : { window: `${days}d` }
}
