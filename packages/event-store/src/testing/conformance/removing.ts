import { BACKWARDS, END, jsonEvent, NO_STREAM, STREAM_EXISTS } from '@eventstore/db-client'
import { expect } from 'chai'
import { anEvent, brief, collect, events, failureOf, freshStream, type Given } from './given.js'

/** Stream metadata, soft delete and tombstone (esdb-protocol.md, 6). */
export const removing = ({ client, promises }: Given): void => {
  const abc = async () => {
    const stream = freshStream()
    await client().appendToStream(stream, events('a', 'b', 'c'))
    return stream
  }
  const seen = (stream: string) => brief(client().readStream(stream))
  /** The metadata as text, since the client reads numbers only up to 2^53. */
  const metadataOf = async (stream: string) => {
    const options = { direction: BACKWARDS, fromRevision: END, maxCount: 1 } as const
    const [last] = await collect(client().readStream(`$$${stream}`, options))
    return [last?.event?.revision, JSON.stringify(last?.event?.data)]
  }

  describe('keeping metadata of a stream', () => {
    it('gives it back, the last of it only', async () => {
      const stream = await abc()
      expect((await client().getStreamMetadata(stream)).metadata).to.equal(undefined)
      await client().setStreamMetadata(stream, { maxCount: 10, owner: 'dana' })
      await client().setStreamMetadata(stream, { acl: { readRoles: ['$admins'] } })
      expect((await client().getStreamMetadata(stream)).metadata).to.deep.include({
        acl: { readRoles: ['$admins'] },
      })
      expect((await client().getStreamMetadata(stream)).metadata).not.to.have.property('owner')
      expect(await seen(`$$${stream}`)).to.deep.equal(['$metadata#1'])
    })

    it('shows only the last $maxCount events', async () => {
      const stream = await abc()
      await client().setStreamMetadata(stream, { maxCount: 2 })
      expect(await seen(stream)).to.deep.equal(['b#1', 'c#2'])
      await client().appendToStream(stream, anEvent('d'))
      expect(await seen(stream)).to.deep.equal(['c#2', 'd#3'])
      await client().setStreamMetadata(stream, {})
      expect(await seen(stream)).to.deep.equal(['a#0', 'b#1', 'c#2', 'd#3'])
    })

    it('hides what is before $tb, also when that is everything', async () => {
      const stream = await abc()
      await client().setStreamMetadata(stream, { truncateBefore: 2 })
      expect(await seen(stream)).to.deep.equal(['c#2'])
      await client().setStreamMetadata(stream, { truncateBefore: 9 })
      expect(await seen(stream)).to.deep.equal([])
      expect((await client().appendToStream(stream, anEvent('d'))).nextExpectedRevision).to.equal(3n)
    })

    it('hides what is older than $maxAge', async () => {
      const stream = await abc()
      await client().setStreamMetadata(stream, { maxAge: 1 })
      const hidden = async (): Promise<void> => {
        while ((await seen(stream)).length > 0) await new Promise((resolve) => setTimeout(resolve, 100))
      }
      await hidden()
      await client().appendToStream(stream, anEvent('young'))
      expect(await seen(stream)).to.deep.equal(['young#3'])
    })
  })

  describe('deleting a stream softly', () => {
    it('makes it as if it were not there, but for $all', async () => {
      const stream = await abc()
      const { position } = await client().deleteStream(stream, { expectedRevision: 2n })
      expect(await failureOf(seen(stream))).to.equal('StreamNotFoundError')
      const [deletion] = await collect(client().readAll({ fromPosition: position!, maxCount: 1 }))
      expect(deletion?.event).to.include({ type: '$metadata', streamId: `$$${stream}` })
      const expected = { expectedRevision: STREAM_EXISTS } as const
      expect(await failureOf(client().appendToStream(stream, anEvent('x'), expected))).to.equal('StreamDeletedError')
    })

    for (const expectedRevision of ['any', NO_STREAM, 2n] as const)
      it(`lets it be written again, expecting ${expectedRevision}; revisions go on`, async () => {
        const stream = await abc()
        await client().setStreamMetadata(stream, { maxCount: 50 })
        await client().deleteStream(stream)
        await client().appendToStream(stream, events('d', 'e'), { expectedRevision })
        expect(await seen(stream)).to.deep.equal(['d#3', 'e#4'])
        expect(await metadataOf(stream)).to.deep.equal([2n, '{"$tb":3}'])
      })

    it('is undone by writing its metadata, and then it is empty', async () => {
      const stream = await abc()
      await client().deleteStream(stream)
      await client().setStreamMetadata(stream, { owner: 'dana' })
      expect(await seen(stream)).to.deep.equal([])
      expect(await metadataOf(stream)).to.deep.equal([2n, '{"owner":"dana","$tb":3}'])
    })

    it('needs the expected revision, and a stream', async () => {
      const stream = await abc()
      const removal = client().deleteStream(stream, { expectedRevision: 1n })
      expect(await failureOf(removal)).to.equal('WrongExpectedVersionError')
      expect(await failureOf(client().deleteStream(freshStream()))).to.equal('WrongExpectedVersionError')
      expect(await seen(stream)).to.deep.equal(['a#0', 'b#1', 'c#2'])
    })
  })

  describe('tombstoning a stream', () => {
    it('ends its name for good, with its metadata', async () => {
      const stream = await abc()
      await client().setStreamMetadata(stream, { owner: 'dana' })
      const { position } = await client().tombstoneStream(stream)
      const attempts = [
        () => seen(stream),
        () => client().appendToStream(stream, anEvent('x')),
        () => client().deleteStream(stream),
        () => client().tombstoneStream(stream),
        () => client().getStreamMetadata(stream),
        () => client().appendToStream(`$$${stream}`, jsonEvent({ type: '$metadata', data: {} })),
      ]
      for (const attempt of attempts) expect(await failureOf(attempt())).to.equal('StreamDeletedError')
      const [end] = await collect(client().readAll({ fromPosition: position!, maxCount: 1 }))
      expect(end?.event).to.include({ type: '$streamDeleted', streamId: stream, revision: 9_223_372_036_854_775_807n })
    })

    it('works for a name that was never used', async () => {
      const stream = freshStream()
      await client().tombstoneStream(stream, { expectedRevision: NO_STREAM })
      expect(await failureOf(client().appendToStream(stream, anEvent('x')))).to.equal('StreamDeletedError')
    })

    if (promises.namesStreamsInAnyLetters)
      it('names the stream in the error, in whatever letters', async () => {
        const stream = freshStream('zamówienie')
        await client().tombstoneStream(stream)
        expect(await failureOf(seen(stream))).to.equal('StreamDeletedError')
        expect(await failureOf(client().tombstoneStream(stream))).to.equal('StreamDeletedError')
      })
  })
}
