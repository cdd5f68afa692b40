import type { Attempt, Held } from '@journey/integrations'
import type { DeliveryVerdict } from '@journey/read-model'
import { createRegistry, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createDeliver, pauseAfter, type Schedule } from './delivery.js'
import { createDeliveryMeters } from './meters.js'

const schedule: Schedule = { attempts: 3, firstPauseMs: 1_000 }

const deliver = (attemptsBefore: number, answer: () => Promise<Attempt | Held>): Promise<DeliveryVerdict> =>
  createDeliver({
    channel: 'crm',
    send: answer,
    schedule,
    meters: createDeliveryMeters(createRegistry('spec'), {}),
    log: silentLog(),
    now: () => new Date('2026-01-27T10:30:00.000Z'),
  })({
    delivery_id: 'd',
    event_id: 'e',
    replay_id: null,
    event_type: 'journey.completed',
    payload: { timestamp: '2026-01-27T10:29:59.000Z' },
    attempts: attemptsBefore,
  })

const answering = (attempt: Attempt | Held) => () => Promise.resolve(attempt)
const failed: Attempt = { outcome: 'failed', code: 'webhook/server_error', message: 'answered 503', status: 503 }

describe('a delivery', () => {
  it('is over when it was taken', async () => {
    const verdict = await deliver(0, answering({ outcome: 'delivered', status: 204 }))
    expect(verdict).to.include({ do: 'settle', state: 'delivered' })
    expect(verdict).to.have.nested.include({
      'tried.at': '2026-01-27T10:30:00.000Z',
      'tried.outcome': 'delivered',
      'tried.status': 204,
    })
  })

  it('is tried three times, with growing pauses between', async () => {
    expect(await deliver(0, answering(failed))).to.include({ do: 'retry', inMs: 1_000 })
    expect(await deliver(1, answering(failed))).to.include({ do: 'retry', inMs: 5_000 })
    expect(await deliver(2, answering(failed))).to.include({ do: 'settle', state: 'failed' })
  })

  it('is given up at once when the receiver will never have it', async () => {
    const rejected: Attempt = { outcome: 'rejected', code: 'webhook/rejected', message: 'answered 404', status: 404 }
    expect(await deliver(0, answering(rejected))).to.include({ do: 'settle', state: 'failed' })
  })

  it('waits as long as the receiver asks, if that is longer', async () => {
    expect(await deliver(0, answering({ ...failed, retryAfterMs: 60_000 }))).to.include({ inMs: 60_000 })
    expect(await deliver(0, answering({ ...failed, retryAfterMs: 10 }))).to.include({ inMs: 1_000 })
  })

  it('uses no attempt up while it is held back', async () =>
    expect(await deliver(2, answering({ outcome: 'held', retryInMs: 60_000 }))).to.deep.equal({
      do: 'leave',
      forMs: 60_000,
    }))

  it('whose sending breaks has used an attempt up, so that it is not tried for ever', async () => {
    const verdict = await deliver(2, () => Promise.reject(new TypeError('a bug')))
    expect(verdict).to.have.nested.include({ do: 'settle', state: 'failed', 'tried.code': 'internal/bug' })
  })

  it('is paused five times as long each time', () =>
    expect([1, 2, 3].map((n) => pauseAfter(n, schedule))).to.deep.equal([1_000, 5_000, 25_000]))
})
