import { expect } from 'chai'
import { judgeAnswer } from './answer.js'

const now = Date.parse('2026-01-27T10:30:00Z')
const outcomeOf = (status: number) => judgeAnswer(status, undefined, '', now).outcome

describe('the answer to a webhook', () => {
  it('is a delivery for every 2xx', () =>
    expect([200, 202, 204].map(outcomeOf)).to.deep.equal(Array(3).fill('delivered')))

  it('asks for a repetition with 5xx, 408, 425 and 429', () =>
    expect([500, 502, 503, 504, 408, 425, 429].map(outcomeOf)).to.deep.equal(Array(7).fill('failed')))

  it('is final for redirects and for what the receiver will never take', () =>
    expect([301, 307, 400, 401, 404, 410, 422].map(outcomeOf)).to.deep.equal(Array(7).fill('rejected')))

  it('keeps what the receiver said', () =>
    expect(judgeAnswer(422, undefined, 'no such client', now)).to.deep.equal({
      outcome: 'rejected',
      code: 'webhook/rejected',
      message: 'answered 422: no such client',
      status: 422,
    }))
})

describe('Retry-After', () => {
  const asked = (value: string) => {
    const attempt = judgeAnswer(429, value, '', now)
    return attempt.outcome === 'failed' ? attempt.retryAfterMs : attempt.outcome
  }

  it('is read as seconds', () => expect(asked('7')).to.equal(7_000))
  it('is read as a date', () => expect(asked('Tue, 27 Jan 2026 10:30:09 GMT')).to.equal(9_000))
  it('is no time at all when the date is over', () => expect(asked('Tue, 27 Jan 2026 10:29:00 GMT')).to.equal(0))
  it('is an hour at most', () => expect(asked('999999999')).to.equal(3_600_000))
  it('says nothing when it cannot be read', () => expect(asked('soon')).to.equal(undefined))
})
