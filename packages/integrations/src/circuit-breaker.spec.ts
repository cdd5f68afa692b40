import { expect } from 'chai'
import { createCircuitBreaker, type CircuitBreaker, type Permit } from './circuit-breaker.js'

const setup = () => {
  let nowMs = 1_000
  const breaker = createCircuitBreaker({ failures: 5, openMs: 60_000, probes: 3, probeMs: 10_000, now: () => nowMs })
  return { breaker, pass: (ms: number) => (nowMs += ms) }
}

const admitted = (breaker: CircuitBreaker): Permit => {
  const answer = breaker.admit()
  if ('retryInMs' in answer) throw new Error(`held for ${answer.retryInMs} ms`)
  return answer
}

const fail = (breaker: CircuitBreaker, times: number) => {
  for (let n = 0; n < times; n++) admitted(breaker).failed()
}

const opened = () => {
  const all = setup()
  fail(all.breaker, 5)
  return all
}

describe('a closed circuit', () => {
  it('stays closed after four failures in a row', () => {
    const { breaker } = setup()
    fail(breaker, 4)
    expect(breaker.state).to.equal('closed')
  })

  it('opens at the fifth', () => {
    expect(opened().breaker.state).to.equal('open')
  })

  it('counts afresh after a success', () => {
    const { breaker } = setup()
    fail(breaker, 4)
    admitted(breaker).succeeded()
    fail(breaker, 4)
    expect(breaker.state).to.equal('closed')
  })
})

describe('an open circuit', () => {
  it('lets nothing through and says for how long', () => {
    const { breaker, pass } = opened()
    pass(20_000)
    expect(breaker.admit()).to.deep.equal({ retryInMs: 40_000 })
  })

  it('does not stay open longer for calls that began before', () => {
    const { breaker, pass } = setup()
    const late = admitted(breaker)
    fail(breaker, 5)
    pass(30_000)
    late.failed()
    expect(breaker.admit()).to.deep.equal({ retryInMs: 30_000 })
  })

  it('is not closed by a call that began before', () => {
    const { breaker } = setup()
    const late = admitted(breaker)
    fail(breaker, 5)
    late.succeeded()
    expect(breaker.state).to.equal('open')
  })
})

describe('a half-open circuit', () => {
  const probing = () => {
    const all = opened()
    all.pass(60_000)
    return { ...all, probes: [1, 2, 3].map(() => admitted(all.breaker)) as [Permit, Permit, Permit] }
  }

  it('lets three probes through and no fourth', () => {
    const { breaker } = probing()
    expect(breaker.admit()).to.deep.equal({ retryInMs: 10_000 })
  })

  it('closes when all three succeed, not before', () => {
    const { breaker, probes } = probing()
    probes[0].succeeded()
    probes[1].succeeded()
    expect(breaker.state).to.equal('half_open')
    probes[2].succeeded()
    expect(breaker.state).to.equal('closed')
  })

  it('opens again for the whole time when one fails', () => {
    const { breaker, probes } = probing()
    probes[0].succeeded()
    probes[1].failed()
    probes[2].succeeded()
    expect(breaker.admit()).to.deep.equal({ retryInMs: 60_000 })
  })
})
