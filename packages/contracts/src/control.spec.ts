import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import { readControl } from './control.js'

const read = (value: unknown) => readControl(Buffer.from(JSON.stringify(value)))
const codeFor = (value: unknown): string => {
  try {
    read(value)
    return 'taken'
  } catch (error) {
    return codeOf(error)
  }
}

describe('a broadcast to the services', () => {
  it('says what to do, to whom and why', () => {
    const whole = { action: 'pause', services: ['projector'], reason: 'maintenance', actor: 'dana' }
    expect(read(whole)).to.deep.equal(whole)
    for (const one of [{ action: 'reload' }, { action: 'reload', log_level: 'debug' }])
      expect(read(one)).to.deep.equal(one)
  })

  it('is refused when it is not one', () => {
    for (const value of [
      null,
      [],
      'pause',
      {},
      { action: 'stop' },
      { action: 'pause', services: 'projector' },
      { action: 'pause', services: [1] },
      { action: 'pause', reason: 1 },
      { action: 'pause', reason: 'x'.repeat(501) },
      { action: 'pause', queue: 'q' },
      { action: 'pause', log_level: 'debug' },
      { action: 'reload', log_level: 'loud' },
    ])
      expect(codeFor(value), JSON.stringify(value)).to.equal('control/invalid')
  })
})
