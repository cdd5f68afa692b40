import { expect } from 'chai'
import { atOrAfter } from './instant.js'

describe('a time that somebody asks from', () => {
  it('is the next whole millisecond when it lies between two, in whatever zone', () => {
    expect(atOrAfter('2026-01-27T10:00:00.242500Z').toISOString()).to.equal('2026-01-27T10:00:00.243Z')
    expect(atOrAfter('2026-01-27T10:00:00.9990001+01:00').toISOString()).to.equal('2026-01-27T09:00:01.000Z')
  })

  it('is itself when it is whole, however many digits it has', () => {
    for (const text of ['2026-01-27T10:00:00Z', '2026-01-27T10:00:00.0Z', '2026-01-27T10:00:00.000000Z'])
      expect(atOrAfter(text).toISOString()).to.equal('2026-01-27T10:00:00.000Z')
  })

  it('is no time when it is none', () => {
    expect(atOrAfter('soon').getTime()).to.be.NaN
  })
})
