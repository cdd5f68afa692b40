import { silentLog, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { createBreaker } from './breaker.js'
import type { Publisher } from './publisher.js'
import { settle } from './settle.js'
import { messageOf } from './testing/message.js'

const setup = () => {
  const reasons: unknown[] = []
  const publisher: Publisher = {
    publish: (_exchange, _key, _body, properties) =>
      Promise.resolve(void reasons.push(properties?.headers?.['x-dead-reason'])),
    stop: () => Promise.resolve(),
  }
  const breaker = createBreaker({ name: 'spec', log: silentLog(), firstDelayMs: 400 })
  return { reasons, settled: settle({ publisher, breaker, service: 'spec' }) }
}

/** Received a minute ago, with ten milliseconds to live. */
const late = { receivedAt: performance.now() - 60_000, properties: { expiration: '10' } }

describe('a message whose time ran out in our hands', () => {
  it('is dead-lettered as expired, and not begun', async () => {
    const { reasons, settled } = setup()
    let begun = 0
    await settled(() => {
      begun++
      return Promise.resolve()
    })(messageOf(late))
    expect({ begun, reasons }).to.deep.equal({ begun: 0, reasons: ['expired'] })
  })

  it('is not taken for one because the clock of the machine jumps', async () => {
    const { reasons, settled } = setup()
    const now = Date.now
    try {
      const message = messageOf({ properties: { expiration: '60000' } })
      Date.now = () => now() + 86_400_000
      await settled(() => Promise.resolve())(message)
      Date.now = () => now() - 86_400_000
      await settled(() => Promise.reject(new Error('begun')))(messageOf(late))
    } finally {
      Date.now = now
    }
    expect(reasons).to.deep.equal(['expired'])
  })

  it('is handled all the same when it was begun in time, or delivered before', async () => {
    const { reasons, settled } = setup()
    let tries = 0
    const afterAnOutage = settled(() =>
      ++tries === 1 ? Promise.reject(unavailable('database/away', 'away')) : Promise.resolve(),
    )
    await afterAnOutage(messageOf({ receivedAt: performance.now(), properties: { expiration: '300' } }))
    await settled(() => {
      tries++
      return Promise.resolve()
    })(messageOf({ ...late, redelivered: true }))
    expect({ tries, reasons }).to.deep.equal({ tries: 3, reasons: [] })
  })
})
