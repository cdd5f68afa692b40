import { Fault, readSettings } from '@journey/runtime'
import { expect } from 'chai'
import { Settings } from './settings.js'

describe('the settings of the reference agents', () => {
  it('have agents that are on, quick and reliable by default', () => {
    const { agents, delayMs, failureRate, measurements } = readSettings(Settings, {})
    expect({ agents, delayMs, failureRate, measurements }).to.deep.equal({
      agents: 'on',
      delayMs: 40,
      failureRate: 0,
      measurements: {},
    })
  })

  it('take measured values as JSON by name', () => {
    const { measurements } = readSettings(Settings, { JOURNEY_AGENTS_MEASUREMENTS: '{"precision":0.7}' })
    expect(measurements).to.deep.equal({ precision: 0.7 })
  })

  it('name every variable that is wrong', () => {
    const wrong = {
      JOURNEY_AGENTS: 'maybe',
      JOURNEY_AGENTS_DELAY_MS: '-1',
      JOURNEY_AGENTS_FAILURE_RATE: '2',
      JOURNEY_AGENTS_MEASUREMENTS: '{"precision":"high"}',
    }
    const read = () => readSettings(Settings, wrong)
    expect(read).to.throw(Fault)
    try {
      read()
    } catch (error) {
      expect((error as Fault).details.map(({ field }) => field)).to.have.members(Object.keys(wrong))
    }
  })
})
