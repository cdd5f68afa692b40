import { expect } from 'chai'
import fc from 'fast-check'
import {
  decideAppend,
  decideRemoval,
  type Decision,
  type Expected,
  type KnownIds,
  type StreamState,
} from './decide-append.js'

/** A stream that holds events with these ids, in order. */
const holding =
  (...ids: string[]) =>
  (over: Partial<StreamState> = {}) => {
    const state: StreamState = {
      last: BigInt(ids.length) - 1n,
      tombstoned: false,
      softDeleted: false,
      hasMetadata: false,
      ...over,
    }
    const known: KnownIds = {
      revisionOf: (id) => (ids.includes(id) ? BigInt(ids.lastIndexOf(id)) : undefined),
      isAt: (id, revision) => ids[Number(revision)] === id,
    }
    return {
      state,
      known,
      append: (expected: Expected, ...given: string[]) => decideAppend(expected, given, state, known),
    }
  }

const neverWritten = holding()()
const abc = holding('A', 'B', 'C')()
const softDeleted = holding('A', 'B', 'C')({ softDeleted: true, hasMetadata: true })
const tombstoned = holding('A')({ tombstoned: true })
const metadataOnly = holding()({ hasMetadata: true })

const append: Decision = { kind: 'append' }
const wrong: Decision = { kind: 'wrong_version' }
const deleted: Decision = { kind: 'deleted' }
const repeated = (revision: bigint): Decision => ({ kind: 'repeated', revision })

describe('an append that expects anything', () => {
  it('is taken when its first id is new', () => {
    expect(neverWritten.append('any', 'X')).to.deep.equal(append)
    expect(abc.append('any', 'X')).to.deep.equal(append)
    expect(abc.append('any', 'X', 'A'), 'a later known id is stored again').to.deep.equal(append)
    expect(abc.append('any', 'X', 'X'), 'a new id twice is stored twice').to.deep.equal(append)
  })

  it('is a repetition when all its ids are known, in whatever order', () => {
    expect(abc.append('any', 'A', 'B', 'C')).to.deep.equal(repeated(2n))
    expect(abc.append('any', 'B', 'A')).to.deep.equal(repeated(0n))
    expect(abc.append('any', 'C')).to.deep.equal(repeated(2n))
    expect(softDeleted.append('any', 'A')).to.deep.equal(repeated(0n))
  })

  it('is at the wrong version when it begins with what is known and goes on with what is not', () => {
    expect(abc.append('any', 'A', 'X')).to.deep.equal(wrong)
    expect(abc.append('any', 'A', 'B', 'C', 'X')).to.deep.equal(wrong)
  })

  it('is taken without events', () => {
    for (const stream of [neverWritten, abc, softDeleted]) expect(stream.append('any')).to.deep.equal(append)
  })
})

describe('an append that expects a stream', () => {
  it('finds one where there are events, or metadata alone', () => {
    expect(abc.append('stream_exists', 'X')).to.deep.equal(append)
    expect(abc.append('stream_exists', 'A')).to.deep.equal(repeated(0n))
    expect(metadataOnly.append('stream_exists', 'X')).to.deep.equal(append)
  })

  it('is at the wrong version where nothing was ever written', () => {
    expect(neverWritten.append('stream_exists', 'X')).to.deep.equal(wrong)
  })

  it('finds a soft-deleted stream deleted', () => {
    expect(softDeleted.append('stream_exists', 'X')).to.deep.equal(deleted)
    expect(softDeleted.append('stream_exists', 'A')).to.deep.equal(deleted)
  })
})

describe('an append that expects no stream', () => {
  it('is taken where there are no events', () => {
    expect(neverWritten.append('no_stream', 'X')).to.deep.equal(append)
    expect(metadataOnly.append('no_stream', 'X')).to.deep.equal(append)
    expect(neverWritten.append('no_stream')).to.deep.equal(append)
  })

  it('is a repetition when the stream begins with exactly its ids', () => {
    expect(abc.append('no_stream', 'A')).to.deep.equal(repeated(0n))
    expect(abc.append('no_stream', 'A', 'B', 'C')).to.deep.equal(repeated(2n))
  })

  it('is at the wrong version otherwise', () => {
    for (const ids of [['X'], ['B'], ['A', 'X'], ['B', 'A'], ['A', 'B', 'C', 'X'], []])
      expect(abc.append('no_stream', ...ids), ids.join()).to.deep.equal(wrong)
  })

  it('brings a soft-deleted stream back, unless it begins with that stream’s first id', () => {
    expect(softDeleted.append('no_stream', 'X')).to.deep.equal(append)
    expect(softDeleted.append('no_stream', 'B', 'C')).to.deep.equal(append)
    expect(softDeleted.append('no_stream', 'A', 'B')).to.deep.equal(repeated(1n))
    expect(softDeleted.append('no_stream', 'A', 'X')).to.deep.equal(wrong)
    expect(softDeleted.append('no_stream')).to.deep.equal(wrong)
  })
})

describe('an append that expects a revision', () => {
  it('is taken when it is the last, whatever its ids', () => {
    expect(abc.append(2n, 'X')).to.deep.equal(append)
    expect(abc.append(2n, 'A')).to.deep.equal(append)
    expect(abc.append(2n)).to.deep.equal(append)
    expect(softDeleted.append(2n, 'X')).to.deep.equal(append)
  })

  it('is a repetition when exactly its ids follow that revision', () => {
    expect(abc.append(0n, 'B')).to.deep.equal(repeated(1n))
    expect(abc.append(0n, 'B', 'C')).to.deep.equal(repeated(2n))
    expect(softDeleted.append(1n, 'C')).to.deep.equal(repeated(2n))
  })

  it('is at the wrong version otherwise', () => {
    expect(abc.append(0n, 'X')).to.deep.equal(wrong)
    expect(abc.append(0n, 'B', 'X')).to.deep.equal(wrong)
    expect(abc.append(0n, 'B', 'C', 'X')).to.deep.equal(wrong)
    expect(abc.append(0n)).to.deep.equal(wrong)
    expect(abc.append(3n, 'X')).to.deep.equal(wrong)
    expect(neverWritten.append(0n, 'X')).to.deep.equal(wrong)
  })
})

describe('a tombstoned stream', () => {
  it('is deleted, whatever is expected', () => {
    for (const expected of ['any', 'no_stream', 'stream_exists', 0n, 7n] as const) {
      expect(tombstoned.append(expected, 'X')).to.deep.equal(deleted)
      expect(decideRemoval('delete', expected, tombstoned.state)).to.deep.equal(deleted)
      expect(decideRemoval('tombstone', expected, tombstoned.state)).to.deep.equal(deleted)
    }
  })
})

describe('a removal', () => {
  const remove = (kind: 'delete' | 'tombstone', expected: Expected, { state }: { state: StreamState }) =>
    decideRemoval(kind, expected, state)

  it('needs the expected version', () => {
    for (const kind of ['delete', 'tombstone'] as const) {
      expect(remove(kind, 2n, abc)).to.deep.equal(append)
      expect(remove(kind, 'any', abc)).to.deep.equal(append)
      expect(remove(kind, 1n, abc)).to.deep.equal(wrong)
      expect(remove(kind, 'no_stream', abc)).to.deep.equal(wrong)
    }
  })

  it('can tombstone a name that was never used, but not delete it', () => {
    expect(remove('tombstone', 'any', neverWritten)).to.deep.equal(append)
    expect(remove('delete', 'any', neverWritten)).to.deep.equal(wrong)
    expect(remove('delete', 'no_stream', metadataOnly)).to.deep.equal(append)
  })

  it('can be repeated after a soft delete, unless a stream is expected', () => {
    expect(remove('delete', 'any', softDeleted)).to.deep.equal(append)
    expect(remove('delete', 'stream_exists', softDeleted)).to.deep.equal(deleted)
  })
})

describe('an append that was taken', () => {
  it('is a repetition when it comes again with the expected revision it was taken at', () => {
    const ids = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(ids, fc.nat(5), (all, at) => {
        const before = all.slice(0, Math.min(at, all.length - 1))
        const given = all.slice(before.length)
        const after = holding(...all)()
        const last = BigInt(all.length) - 1n
        const expected = before.length === 0 ? 'no_stream' : BigInt(before.length) - 1n
        expect(holding(...before)().append(expected, ...given)).to.deep.equal(append)
        expect(after.append(expected, ...given)).to.deep.equal(repeated(last))
        expect(after.append('any', ...given)).to.deep.equal(repeated(last))
      }),
    )
  })
})
