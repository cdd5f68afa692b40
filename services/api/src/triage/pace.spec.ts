import { expect } from 'chai'
import { createPace } from './pace.js'

/** Turns of so many until there were so many in all, each as much later than it may begin as `lateMs` says; when each began. */
const run = (perSecond: number, count: number, total: number, lateMs: (turn: number) => number): number[] => {
  const pace = createPace(perSecond)
  const begun: number[] = []
  for (let at = 0, turn = 0; turn * count < total; turn++) {
    begun.push(at + lateMs(turn))
    at = pace.next(begun.at(-1)!, count)
  }
  return begun
}

/** The most in any second. */
const most = (begun: readonly number[], count: number): number =>
  Math.max(...begun.map((from) => begun.filter((at) => at >= from && at < from + 1_000).length * count))

describe('the pace of a retry of many', () => {
  it('is even', () => expect(run(50, 5, 50, () => 0)).to.deep.equal([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]))

  it('makes 300 at 50 a second take 6 seconds, though each turn is late, and is never faster in any second', () => {
    for (const late of [
      () => 3,
      () => 40,
      (turn: number) => (turn % 7) * 5,
      (turn: number) => (turn === 20 ? 250 : 0),
    ]) {
      const begun = run(50, 5, 300, late)
      expect(begun.at(-1)).to.be.within(5_900, 6_300)
      expect(most(begun, 5)).to.be.at.most(50)
    }
  })

  it('makes up for no more than a second, and for that at twice its pace at most', () => {
    const begun = run(50, 5, 300, (turn) => (turn === 10 ? 10_000 : 0))
    expect(begun.at(-1)).to.be.at.least(10_000 + 4_900)
    expect(most(begun, 5)).to.equal(50)
    expect(begun[12]! - begun[11]!).to.be.at.least(50)
  })

  it('is one at a time below ten a second, and a hundred at a time above a thousand', () => {
    expect(run(4, 1, 5, () => 0)).to.deep.equal([0, 250, 500, 750, 1_000])
    expect(run(2_000, 100, 500, () => 0)).to.deep.equal([0, 50, 100, 150, 200])
  })
})
