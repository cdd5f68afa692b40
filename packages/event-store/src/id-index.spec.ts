import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { IdIndex } from './id-index.js'

const indexOf = (ids: readonly string[], first = 0): IdIndex => {
  const index = new IdIndex()
  ids.forEach((id, place) => index.add(first + place, id))
  return index
}
const copied = (index: IdIndex): IdIndex =>
  IdIndex.from(JSON.parse(JSON.stringify(index)) as ReturnType<IdIndex['toJSON']>)

describe('an index of ids', () => {
  it('finds every id where it stands, also after it came through JSON and grew on', () =>
    fc.assert(
      fc.property(fc.array(fc.uuid()), fc.array(fc.uuid()), fc.nat({ max: 5_000 }), (before, after, first) => {
        const index = copied(indexOf(before, first))
        const ids = [...before, ...after]
        ids.slice(before.length).forEach((id, place) => index.add(first + before.length + place, id))
        ids.forEach((id, place) => expect([...index.find(id)]).to.include(first + place))
        expect(copied(index).toJSON()).to.deep.equal(index.toJSON())
      }),
    ))

  it('tells of every place that an id may stand at, and of no other', () => {
    const [id, alike] = ['00ffa01b-0000-4000-8000-000000000001', '00ffa01b-0000-4000-8000-000000000002']
    const index = indexOf([id, randomUUID().replace(/^./, 'e'), alike])
    expect([...index.find(id)]).to.deep.equal([0, 2])
    expect([...index.find('10ffa01b-0000-4000-8000-000000000001')]).to.deep.equal([])
    expect([...new IdIndex().find(id)]).to.deep.equal([])
  })

  it('goes on behind revisions that are gone', () => {
    const [one, other] = [randomUUID(), randomUUID()]
    const index = indexOf([one], 3)
    index.add(9, other)
    expect([[...index.find(one)], [...index.find(other)]]).to.deep.equal([[3], [9]])
  })

  it('takes about four bytes an event', () => {
    const index = indexOf(Array.from({ length: 10_000 }, () => randomUUID()))
    expect(index.bytes).to.be.below(2 * 40_000)
    expect(JSON.stringify(index).length).to.be.below(54_000)
  })
})
