import type { Task } from '@journey/agent'
import { expect } from 'chai'
import type { ByName, Measurement } from './measurements.js'
import { validatorAgents } from './validators.js'

const at = '2026-01-27T10:30:00.000Z'

const measured = (check: string, simulated?: unknown, measurements: ByName = {}): Measurement[] => {
  const intent = `validate_${check}`
  const agents = validatorAgents({ measurements, now: () => new Date(at) })
  const work = agents.find(({ intents }) => intent in intents)?.intents[intent]
  const input = { connectors: ['jira', 'confluence'], sample_queries: 200, min_responses: 12, window_days: 7 }
  const parameters = simulated === undefined ? {} : { simulate: { [intent]: { measurements: simulated } } }
  return work?.({ intent, input, parameters } as unknown as Task).measurements as Measurement[]
}

const stamp = (source: string) => ({ measured_at: at, source })

describe('a validator', () => {
  it('measures with the sample that the criterion asks for', () => {
    const stamped = stamp('search-quality-validator')
    expect(measured('search_quality')).to.deep.equal([
      { name: 'precision', value: 0.92, unit: 'ratio', sample_size: 200, ...stamped },
    ])
  })

  it('counts the connectors of the journey', () => {
    const stamped = { unit: 'count', ...stamp('connectors-syncing-validator') }
    expect(measured('connectors_syncing')).to.deep.equal([
      { name: 'connectors_total', value: 2, ...stamped },
      { name: 'connectors_syncing', value: 2, ...stamped },
    ])
  })

  it('names the window that it looked at', () => {
    expect(measured('bug_window')).to.have.nested.property('[0].window', '7d')
  })

  it('reports a value that the settings name instead of its own, and heeds no other', () => {
    const reported = measured('search_quality', undefined, { precision: 0.5, score: 1 })
    expect(reported.map(({ name, value, sample_size }) => ({ name, value, sample_size }))).to.deep.equal([
      { name: 'precision', value: 0.5, sample_size: 200 },
    ])
  })

  it('reports what the journey simulates before what the settings say', () => {
    expect(measured('search_quality', { precision: 0.6 }, { precision: 0.5 })).to.have.nested.property('[0].value', 0.6)
  })

  it('reports a simulated sample size beside its own value', () => {
    const [score] = measured('user_satisfaction', { score: { sample_size: 3 } })
    expect(score).to.include({ value: 4.6, sample_size: 3 })
  })

  it('leaves out what is simulated as null', () => {
    expect(measured('performance_sla', { error_rate: null }))
      .to.have.lengthOf(1)
      .and.to.have.nested.property('[0].name', 'p95_latency_ms')
  })

  it('adds a simulated measurement that it does not know', () => {
    const [, recall] = measured('search_quality', { recall: 0.4 })
    expect(recall).to.deep.equal({ name: 'recall', value: 0.4 })
  })

  it('reports a simulated list as it is', () => {
    const list = [{ name: 'precision', value: 0.1, sample_size: 5 }]
    expect(measured('search_quality', list)).to.deep.equal(list)
  })
})
