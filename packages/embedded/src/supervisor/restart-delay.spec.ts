import { expect } from 'chai'
import { restartDelayMs } from './restart-delay.js'

describe('the delay before a restart', () => {
  it('is 100 ms at first and doubles with each death in a row', () => {
    expect([1, 2, 3, 4].map(restartDelayMs)).to.deep.equal([100, 200, 400, 800])
  })

  it('never grows beyond 10 s', () => {
    expect([8, 9, 100, 5_000].map(restartDelayMs)).to.deep.equal([10_000, 10_000, 10_000, 10_000])
  })
})
