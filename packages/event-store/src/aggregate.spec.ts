import { expect } from 'chai'
import { Folded, type Aggregate, type Recorded } from './aggregate.js'

const sum: Aggregate<number, number> = {
  initial: 0,
  evolve: (state, event) => state + event,
  decode: ({ type, data }) => {
    if (type === 'Unreadable') throw new RangeError('cannot be decoded')
    return type === 'Added' ? (data as number) : undefined
  },
}

const recorded = (revision: number, type: string, data: number, metadata: Record<string, unknown> = {}): Recorded => ({
  id: `id ${revision}`,
  stream: 'sum-1',
  revision,
  type,
  data,
  metadata,
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

  it('remembers each command with all of its events, the last revision and its digest', () => {
    const all = folded(
      recorded(0, 'Added', 1, { $causationId: 'a', command_digest: 'one' }),
      recorded(1, 'Foreign', 1, { $causationId: 'a', command_digest: 'one' }),
      recorded(2, 'Added', 1, { $causationId: 'b' }),
    )
    expect(all.handled('a')).to.deep.equal({ revision: 1, eventTypes: ['Added', 'Foreign'], digest: 'one' })
    expect(all.handled('b')).to.deep.equal({ revision: 2, eventTypes: ['Added'], digest: undefined })
    expect(all.handled('c')).to.equal(undefined)
  })

  it('remembers a command named like a property of every object', () => {
    expect(folded().handled('constructor')).to.equal(undefined)
    expect(folded(recorded(0, 'Added', 1, { $causationId: '__proto__' })).handled('__proto__')?.revision).to.equal(0)
  })

  it('ignores metadata of other shapes', () => {
    const all = folded(recorded(0, 'Added', 1, { $causationId: 7, command_digest: 8 }))
    expect(all.handled('7')).to.equal(undefined)
  })

  it('stays as it was when an event cannot be decoded', () => {
    const all = folded(recorded(0, 'Added', 3))
    expect(() => all.add(recorded(1, 'Unreadable', 1, { $causationId: 'a' }))).to.throw(RangeError)
    expect([all.state, all.revision, all.handled('a')]).to.deep.equal([3, 0, undefined])
  })
})
