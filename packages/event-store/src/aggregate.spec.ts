import { Fault, malformed } from '@journey/runtime'
import { expect } from 'chai'
import { v5 as uuidv5 } from 'uuid'
import { Folded, type Aggregate, type Recorded } from './aggregate.js'

const sum: Aggregate<number, number> = {
  initial: 0,
  evolve: (state, event) => state + event,
  decode: ({ type, data }) => {
    if (type === 'TooNew') throw malformed('event/unsupported_version', 'version 2')
    if (type === 'Unreadable') throw new RangeError('cannot be decoded')
    return type === 'Added' ? (data as number) : undefined
  },
}

const texts: Aggregate<readonly string[], string> = {
  initial: [],
  evolve: (state, event) => [...state, event],
  decode: ({ data }) => data as string,
}

const idOf = (revision: number): string => uuidv5(String(revision), uuidv5.URL)

const recorded = (revision: number, type: string, data: unknown): Recorded => ({
  id: idOf(revision),
  stream: 'sum-1',
  revision,
  type,
  data,
  metadata: {},
})

const folded = (...events: Recorded[]): Folded<number, number> => {
  const all = new Folded(sum)
  for (const event of events) all.add(event)
  return all
}

describe('a folded stream', () => {
  it('is at revision -1 and in the initial state before the first event', () => {
    const { state, revision } = folded()
    expect({ state, revision }).to.deep.equal({ state: 0, revision: -1 })
  })

  it('counts the revision of events that say nothing to the aggregate', () => {
    const { state, revision } = folded(recorded(0, 'Added', 2), recorded(1, 'Foreign', 5))
    expect({ state, revision }).to.deep.equal({ state: 2, revision: 1 })
  })

  it('knows where the events stand, by their ids', () => {
    const all = folded(recorded(0, 'Added', 1), recorded(1, 'Foreign', 1), recorded(2, 'Added', 1))
    expect([...all.ids.find(idOf(2))]).to.deep.equal([2])
    expect([...all.ids.find(idOf(3))]).to.deep.equal([])
    expect(all.lastId).to.equal(idOf(2))
  })

  it('stays as it was when an event cannot be decoded, and says which', () => {
    const all = folded(recorded(0, 'Added', 3))
    expect(() => all.add(recorded(1, 'Unreadable', 1)))
      .to.throw(Fault, /^Unreadable at revision 1 of sum-1 lacks what it should say: cannot be decoded$/)
      .with.property('code', 'event/not_foldable')
    expect(() => all.add(recorded(1, 'TooNew', 1)))
      .to.throw(Fault, /^TooNew at revision 1 of sum-1 cannot be read: version 2$/)
      .with.property('code', 'event/unsupported_version')
    expect([all.state, all.revision, [...all.ids.find(idOf(1))]]).to.deep.equal([3, 0, []])
  })

  it('does not begin with an event that means nothing at the beginning', () => {
    expect(() => folded(recorded(7, 'Added', 0)))
      .to.throw(Fault)
      .with.property('code', 'stream/never_begun')
    expect(folded(recorded(7, 'Foreign', 0), recorded(8, 'Added', 1), recorded(9, 'Added', 0)).state).to.equal(1)
  })

  it('weighs about what it holds', () => {
    const heavy = new Folded({ ...texts })
    expect(heavy.weight()).to.be.below(10)
    for (let revision = 0; revision < 100; revision += 1) heavy.add(recorded(revision, 'Said', 'x'.repeat(1_000)))
    expect(heavy.weight()).to.be.within(90_000, 110_000)
  })
})
