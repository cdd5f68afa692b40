import type { JsonObject } from '../values.js'
import type { Measurement } from './judge.js'

/** What a measurement can be: its unit where the contract names one, and the range outside of which it is a mistake. */
export type Quantity = { unit?: string; min: number; max: number }

const ratio: Quantity = { unit: 'ratio', min: 0, max: 1 }
const count: Quantity = { unit: 'count', min: 0, max: Infinity }

/** Every measurement of CONTRACT.md, section Tasks. */
export const quantities: Record<string, Quantity> = {
  connectors_total: count,
  connectors_syncing: count,
  precision: ratio,
  vulnerabilities_critical: count,
  vulnerabilities_high: count,
  score: { min: 1, max: 5 },
  bugs_critical: count,
  bugs_high: count,
  p95_latency_ms: { unit: 'ms', min: 0, max: Infinity },
  error_rate: ratio,
  adoption: ratio,
  growth: { unit: 'ratio', min: -1, max: Infinity },
  incidents_p0: count,
  incidents_p1: count,
}

export type Bound = { measurement: string; operator: 'min' | 'max'; threshold: number }

/** How one validator's measurements are held against a check's parameters; `human` where a person decides instead. */
export type Rule = {
  /** The parameters that must be there, each a number unless a list of words says otherwise. */
  parameters: Record<string, 'number' | 'all or number'>
  bounds: (parameters: JsonObject, measurements: readonly Measurement[]) => Bound[]
  /** Which measurement's sample size must reach which parameter. */
  samples?: { measurement: string; parameter: string }
}

const bound = (measurement: string, operator: 'min' | 'max', parameter: string) => ({
  measurement,
  operator,
  parameter,
})

const fixed = (
  bounds: { measurement: string; operator: 'min' | 'max'; parameter: string }[],
  samples?: Rule['samples'],
): Rule => ({
  parameters: {
    ...Object.fromEntries(bounds.map(({ parameter }) => [parameter, 'number' as const])),
    ...(samples && { [samples.parameter]: 'number' as const }),
  },
  bounds: (parameters) =>
    bounds.map(({ measurement, operator, parameter }) => ({
      measurement,
      operator,
      threshold: Number(parameters[parameter]),
    })),
  ...(samples && { samples }),
})

/** All that must be syncing: every connector, or at least as many as named. A client without connectors has not shown one. */
const connectors: Rule = {
  parameters: { required_connectors: 'all or number' },
  bounds: ({ required_connectors }, measurements) => {
    const total = measurements.find(({ name }) => name === 'connectors_total')?.value
    const needed = required_connectors === 'all' ? Math.max(total ?? 1, 1) : Number(required_connectors)
    return [{ measurement: 'connectors_syncing', operator: 'min', threshold: needed }]
  },
}

const rules: Record<string, Rule | 'human'> = {
  ConnectorStatusValidator: connectors,
  SearchQualityValidator: fixed([bound('precision', 'min', 'min_precision')], {
    measurement: 'precision',
    parameter: 'sample_queries',
  }),
  SecurityScanValidator: fixed([
    bound('vulnerabilities_critical', 'max', 'max_critical'),
    bound('vulnerabilities_high', 'max', 'max_high'),
  ]),
  DemoApprovalValidator: 'human',
  UserSatisfactionValidator: fixed([bound('score', 'min', 'min_score')], {
    measurement: 'score',
    parameter: 'min_responses',
  }),
  BugWindowValidator: fixed([bound('bugs_critical', 'max', 'max_critical'), bound('bugs_high', 'max', 'max_high')]),
  PerformanceSLAValidator: fixed([
    bound('p95_latency_ms', 'max', 'p95_latency_max_ms'),
    bound('error_rate', 'max', 'error_rate_max'),
  ]),
  UserAdoptionMetric: fixed([bound('adoption', 'min', 'target')]),
  SearchSatisfactionMetric: fixed([bound('score', 'min', 'target')]),
  QueryVolumeGrowthMetric: fixed([bound('growth', 'min', 'target')]),
  IncidentsMetric: fixed([bound('incidents_p0', 'max', 'max_p0'), bound('incidents_p1', 'max', 'max_p1')]),
}

/** The rule behind a validator's name; undefined when the name is unknown (a configuration error). */
export const ruleOf = (validator: string): Rule | 'human' | undefined =>
  Object.hasOwn(rules, validator) ? rules[validator] : undefined

export const validators = Object.keys(rules)

/** Success metrics name no validator in `stages.yaml`; these stand for them. */
export const validatorOfMetric: Record<string, string> = {
  user_adoption: 'UserAdoptionMetric',
  search_satisfaction: 'SearchSatisfactionMetric',
  query_volume_growth: 'QueryVolumeGrowthMetric',
  incidents: 'IncidentsMetric',
}
