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
    expect(read({ action: 'reload' })).to.deep.equal({ action: 'reload' })
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
    ])
      expect(codeFor(value), JSON.stringify(value)).to.equal('control/invalid')
  })
})
