import { expect } from 'chai'
import type { AnyRecorded } from '@journey/contracts'
import { lineUp, withoutGap } from './line-up.js'

const at = (...revisions: number[]) => revisions.map((revision) => ({ revision }) as AnyRecorded)
const revisions = (events: readonly AnyRecorded[]) => events.map(({ revision }) => revision)

describe('events lined up behind a gate', () => {
  it('go on in order, each once, and the others are duplicates', () => {
    const { next, duplicates, missing } = lineUp(1, at(3, 0, 2, 3, 1))
    expect(revisions(next)).to.deep.equal([2, 3])
    expect({ duplicates, missing }).to.deep.equal({ duplicates: 3, missing: [] })
  })

  it('name what is missing in front of them and between them', () => {
    expect(lineUp(-1, at(2, 5)).missing).to.deep.equal([
      { from: 0, to: 1 },
      { from: 3, to: 4 },
    ])
  })

  it('name what is missing behind them, as far as it is known to exist', () => {
    expect(lineUp(0, at(1), 3).missing).to.deep.equal([{ from: 2, to: 3 }])
    expect(lineUp(3, [], 3).missing).to.deep.equal([])
    expect(lineUp(3, at(4, 5), 4).missing).to.deep.equal([])
  })

  it('end at the first gap', () => {
    expect(revisions(withoutGap(1, at(2, 3, 5)))).to.deep.equal([2, 3])
    expect(withoutGap(1, at(3))).to.deep.equal([])
  })
})
