import { expect } from 'chai'
import { judge, judgeAll, type CheckOutcome, type Criterion, type Measurement } from './judge.js'

const criteria = {
  connectors: {
    check_id: 'connectors_syncing',
    name: '',
    validator: 'ConnectorStatusValidator',
    parameters: { min_sync_status: 'syncing', required_connectors: 'all' },
  },
  quality: {
    check_id: 'search_quality',
    name: '',
    validator: 'SearchQualityValidator',
    parameters: { min_precision: 0.8, sample_queries: 100 },
  },
  security: {
    check_id: 'security_scan',
    name: '',
    validator: 'SecurityScanValidator',
    parameters: { max_critical: 0, max_high: 5 },
  },
  demo: { check_id: 'demo_approval', name: '', validator: 'DemoApprovalValidator', parameters: { required: true } },
  satisfaction: {
    check_id: 'user_satisfaction',
    name: '',
    validator: 'UserSatisfactionValidator',
    parameters: { min_score: 4, min_responses: 10 },
  },
  bugs: {
    check_id: 'bug_window',
    name: '',
    validator: 'BugWindowValidator',
    parameters: { window_days: 7, max_critical: 0, max_high: 2 },
  },
  performance: {
    check_id: 'performance_sla',
    name: '',
    validator: 'PerformanceSLAValidator',
    parameters: { p95_latency_max_ms: 500, error_rate_max: 0.01 },
  },
  adoption: { check_id: 'user_adoption', name: '', validator: 'UserAdoptionMetric', parameters: { target: 0.7 } },
  incidents: { check_id: 'incidents', name: '', validator: 'IncidentsMetric', parameters: { max_p0: 0, max_p1: 0 } },
} satisfies Record<string, Criterion>

const measure = (values: Record<string, number>, sample_size?: number): Measurement[] =>
  Object.entries(values).map(([name, value]) => ({ name, value, ...(sample_size !== undefined && { sample_size }) }))

const verdictOf = (criterion: Criterion, values: Record<string, number>, sample?: number) =>
  judge({ ...criterion, outcome: 'measured', measurements: measure(values, sample) }).verdict

describe('a check of the gate', () => {
  const edges: [string, Criterion, Record<string, number>, number | undefined, string][] = [
    ['all connectors syncing', criteria.connectors, { connectors_total: 3, connectors_syncing: 3 }, undefined, 'pass'],
    [
      'one connector not syncing',
      criteria.connectors,
      { connectors_total: 3, connectors_syncing: 2 },
      undefined,
      'fail',
    ],
    ['no connectors at all', criteria.connectors, { connectors_total: 0, connectors_syncing: 0 }, undefined, 'fail'],
    ['precision at its edge', criteria.quality, { precision: 0.8 }, 100, 'pass'],
    ['precision below its edge', criteria.quality, { precision: 0.7999 }, 100, 'fail'],
    ['precision of too few queries', criteria.quality, { precision: 0.99 }, 99, 'inconclusive'],
    [
      'vulnerabilities at their edge',
      criteria.security,
      { vulnerabilities_critical: 0, vulnerabilities_high: 5 },
      undefined,
      'pass',
    ],
    [
      'one high vulnerability too many',
      criteria.security,
      { vulnerabilities_critical: 0, vulnerabilities_high: 6 },
      undefined,
      'fail',
    ],
    [
      'one critical vulnerability',
      criteria.security,
      { vulnerabilities_critical: 1, vulnerabilities_high: 0 },
      undefined,
      'fail',
    ],
    ['satisfaction at its edge', criteria.satisfaction, { score: 4 }, 10, 'pass'],
    ['satisfaction of too few responses', criteria.satisfaction, { score: 5 }, 9, 'inconclusive'],
    ['two high bugs', criteria.bugs, { bugs_critical: 0, bugs_high: 2 }, undefined, 'pass'],
    ['three high bugs', criteria.bugs, { bugs_critical: 0, bugs_high: 3 }, undefined, 'fail'],
    [
      'latency and errors at their edge',
      criteria.performance,
      { p95_latency_ms: 500, error_rate: 0.01 },
      undefined,
      'pass',
    ],
    ['latency over its edge', criteria.performance, { p95_latency_ms: 501, error_rate: 0 }, undefined, 'fail'],
    ['errors over their edge', criteria.performance, { p95_latency_ms: 1, error_rate: 0.011 }, undefined, 'fail'],
    ['adoption at its target', criteria.adoption, { adoption: 0.7 }, undefined, 'pass'],
    ['a P1 incident', criteria.incidents, { incidents_p0: 0, incidents_p1: 1 }, undefined, 'fail'],
    ['a figure that is missing', criteria.security, { vulnerabilities_critical: 0 }, undefined, 'inconclusive'],
    ['a figure that is no number', criteria.adoption, { adoption: Number.NaN }, undefined, 'inconclusive'],
  ]
  for (const [what, criterion, values, sample, verdict] of edges)
    it(`says ${verdict} for ${what}`, () => expect(verdictOf(criterion, values, sample)).to.equal(verdict))

  it('is in error when a figure cannot be what it says: another unit, or out of range', () => {
    const judged = (name: string, value: number, unit?: string) =>
      judge({
        ...criteria.quality,
        outcome: 'measured',
        measurements: [{ name, value, sample_size: 100, ...(unit !== undefined && { unit }) }],
      })
    expect(judged('precision', 92, 'percent')).to.include({
      verdict: 'error',
      message: 'precision is measured in percent, not ratio',
    })
    expect(judged('precision', 7)).to.include({ verdict: 'error', message: 'precision cannot be 7' })
    expect(verdictOf(criteria.security, { vulnerabilities_critical: -1, vulnerabilities_high: 0 })).to.equal('error')
    expect(verdictOf(criteria.satisfaction, { score: 9 }, 10)).to.equal('error')
  })

  it('is pending until a human decides, then says what the human said', () => {
    expect(judge({ ...criteria.demo, outcome: 'pending' }).verdict).to.equal('pending')
    expect(judge({ ...criteria.demo, outcome: 'decided', decision: 'approve', decided_by: 'dana' }).verdict).to.equal(
      'pass',
    )
    expect(judge({ ...criteria.demo, outcome: 'decided', decision: 'reject', decided_by: 'dana' }).verdict).to.equal(
      'fail',
    )
  })

  it('is in error when it could not be measured', () =>
    expect(
      judge({ ...criteria.quality, outcome: 'failed', code: 'task/timed_out', message: 'no result' }),
    ).to.deep.include({ verdict: 'error', passed: false }))

  it('shows what was measured against which threshold', () =>
    expect(
      judge({
        ...criteria.quality,
        outcome: 'measured',
        measurements: [{ name: 'precision', value: 0.91, unit: 'ratio', sample_size: 120 }],
      }).comparisons,
    ).to.deep.equal([
      {
        measurement: 'precision',
        value: 0.91,
        operator: 'min',
        threshold: 0.8,
        passed: true,
        unit: 'ratio',
        sample_size: 120,
      },
    ]))
})

describe('a gate', () => {
  const passing: CheckOutcome = { ...criteria.adoption, outcome: 'measured', measurements: measure({ adoption: 0.9 }) }
  const failing: CheckOutcome = {
    ...criteria.security,
    outcome: 'measured',
    measurements: measure({ vulnerabilities_critical: 1, vulnerabilities_high: 0 }),
  }
  const pending: CheckOutcome = { ...criteria.demo, outcome: 'pending' }
  const broken: CheckOutcome = { ...criteria.quality, outcome: 'failed', code: 'x', message: 'y' }

  it('passes only when every check passes', () => {
    expect(judgeAll([passing]).verdict).to.equal('pass')
    for (const other of [failing, pending, broken]) expect(judgeAll([passing, other]).verdict).not.to.equal('pass')
  })
  it('passes nothing when it has no checks', () => expect(judgeAll([]).verdict).to.equal('inconclusive'))
  it('fails before it is in error, and is in error before it is pending', () => {
    expect(judgeAll([passing, pending, broken, failing]).verdict).to.equal('fail')
    expect(judgeAll([passing, pending, broken]).verdict).to.equal('error')
  })
  it('tells the result of each check', () =>
    expect(judgeAll([passing, pending]).exit_criteria_results).to.deep.equal({
      user_adoption: true,
      demo_approval: false,
    }))
})
