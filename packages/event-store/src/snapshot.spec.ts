import { expect } from 'chai'
import { v5 as uuidv5 } from 'uuid'
import { Folded, type Aggregate } from './aggregate.js'
import { folded, sealed, snapshotOf, snapshotType } from './snapshot.js'

const sum: Aggregate<{ total: number }, number> = {
  initial: { total: 0 },
  evolve: ({ total }, by) => ({ total: total + by }),
  decode: ({ data }) => data as number,
}

const stream = 'sum-1'
const counted = (): Folded<{ total: number }, number> => {
  const all = new Folded(sum)
  for (const revision of [0, 1, 2])
    all.add({ id: uuidv5(`${revision}`, uuidv5.URL), stream, revision, type: 'Added', data: 5, metadata: {} })
  return all
}
type Stored = ReturnType<typeof sealed>
const stored = (change: (snapshot: Stored) => unknown = (snapshot) => snapshot): unknown =>
  change(JSON.parse(JSON.stringify(sealed(snapshotOf(counted(), stream, 'sum/1')))) as Stored)
const readAs = (data: unknown, type = snapshotType) => folded({ type, data }, stream, 'sum/1', sum)

describe('a snapshot', () => {
  it('is read back as what was folded', () => {
    const read = readAs(stored())
    if (typeof read === 'string') expect.fail(read)
    const { state, revision, lastId, ids } = counted()
    expect([read.state, read.revision, read.lastId, read.ids.toJSON(), read.snapshotAt]).to.deep.equal([
      state,
      revision,
      lastId,
      ids.toJSON(),
      2,
    ])
  })

  it('does not change with what is folded later', () => {
    const all = counted()
    const taken = snapshotOf(all, stream, 'sum/1')
    const before = JSON.stringify(taken)
    all.add({ id: uuidv5('3', uuidv5.URL), stream, revision: 3, type: 'Added', data: 5, metadata: {} })
    expect(JSON.stringify(taken)).to.equal(before)
  })

  it('is ignored when any part of it was changed', () => {
    const changes: ((snapshot: Stored) => unknown)[] = [
      (snapshot) => ({ ...snapshot, state: { total: 16 } }),
      (snapshot) => ({ ...snapshot, revision: 3 }),
      (snapshot) => ({ ...snapshot, event_id: uuidv5('3', uuidv5.URL) }),
      (snapshot) => ({ ...snapshot, ids: { ...snapshot.ids, first: 1 } }),
      (snapshot) => ({ ...snapshot, ids: { ...snapshot.ids, marks: '' } }),
      (snapshot) => ({ ...snapshot, stream: 'sum-2' }),
      (snapshot) => ({ ...snapshot, schema: 'sum/2' }),
      (snapshot) => ({ ...snapshot, hash: snapshot.hash.toLowerCase() }),
    ]
    expect(changes.map((change) => readAs(stored(change)))).to.deep.equal(changes.map(() => 'wrong_hash'))
  })

  it('is ignored when it is of another stream, or of another version of the state', () => {
    const other = (of: string, schema: string) => sealed(snapshotOf(counted(), of, schema))
    expect(readAs(other('sum-2', 'sum/1'))).to.equal('other_stream')
    expect(readAs(other(stream, 'sum/0'))).to.equal('other_schema')
    expect(readAs(other(stream, 'sum/2'))).to.equal('other_schema')
  })

  it('is ignored when it is half written, or something else', () => {
    const half = JSON.stringify(stored()).slice(0, 120)
    const rubbish = [half, Buffer.from(half), null, undefined, 7, [], {}, { ids: null }, { hash: 'x', revision: 1 }]
    for (const data of rubbish) expect(readAs(data), JSON.stringify(data)).to.equal('unreadable')
    expect(readAs(stored(({ ids: _, ...rest }) => rest))).to.equal('unreadable')
    expect(readAs(stored(), 'SomethingElse')).to.equal('unreadable')
  })
})
