import { Fault, malformed, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { verdictFor } from './verdict.js'

const bug = new TypeError('x is not a function')

describe('the verdict on a failure', () => {
  it('acknowledges a refusal', () =>
    expect(verdictFor(new Fault('refused', 'journey/over', 'no'), 1)).to.deep.equal({ do: 'acknowledge' }))

  it('dead-letters at once what can never be read, under the reason its code ends with', () => {
    const reasons = ['command/unreadable', 'command/expired', 'event/unsupported_version', 'message/poison'].map(
      (code) => verdictFor(malformed(code, 'no'), 1),
    )
    expect(reasons).to.deep.equal(
      ['malformed', 'expired', 'unsupported_version', 'poison'].map((reason) => ({ do: 'dead_letter', reason })),
    )
  })

  it('waits for a server however often it was away', () =>
    expect(verdictFor(unavailable('database/away', 'no'), 1_000)).to.deep.equal({ do: 'wait_for_server' }))

  it('tries a bug three times at once, then later and later, then gives up', () => {
    const course = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => {
      const verdict = verdictFor(bug, attempt)
      return verdict.do === 'retry_later'
        ? verdict.step.label
        : verdict.do === 'dead_letter'
          ? verdict.reason
          : verdict.do
    })
    expect(course).to.deep.equal([
      'try_again',
      'try_again',
      '5s',
      '30s',
      '2m',
      '10m',
      'attempts_used_up',
      'attempts_used_up',
    ])
  })

  it('takes a conflict that was decided again in vain for a bug', () =>
    expect(verdictFor(new Fault('conflict', 'stream/moved', 'no'), 3)).to.have.property('do', 'retry_later'))

  it('gives up after the quick tries where there are no waiting queues', () =>
    expect(verdictFor(bug, 3, [])).to.deep.equal({ do: 'dead_letter', reason: 'attempts_used_up' }))
})
