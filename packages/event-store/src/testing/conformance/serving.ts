import {
  binaryEvent,
  EventStoreDBClient,
  eventTypeFilter,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
} from '@eventstore/db-client'
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js'
import { expect } from 'chai'
import { anEvent, brief, collect, errorOf, events, failureOf, freshStream, ways, type Given } from './given.js'

/** Errors with their trailers, deadlines, features and gossip (esdb-protocol.md, 1, 2 and 8). */
export const serving = ({ url, client, promises }: Given): void => {
  describe('saying what went wrong', () => {
    for (const [way, options] of Object.entries(ways))
      it(`names stream, expectation and limit to who appends ${way}`, async () => {
        const stream = freshStream()
        await client().appendToStream(stream, events('a', 'b'))
        const wrong = client().appendToStream(stream, anEvent('x'), { ...options, expectedRevision: 7n })
        expect(await errorOf(wrong)).to.include({ streamName: stream, expectedVersion: 7n, actualVersion: 1n })
        const huge = [binaryEvent({ type: 'Huge', data: Buffer.alloc((1 << 20) + 1) })]
        const tooBig = client().appendToStream(stream, huge, options)
        expect(await errorOf(tooBig)).to.include({ name: 'MaxAppendSizeExceededError', maxAppendSize: 1 << 20 })
        await client().tombstoneStream(stream)
        const late = client().appendToStream(stream, anEvent('x'), options)
        expect(await errorOf(late)).to.include({ name: 'StreamDeletedError', streamName: stream })
      })

    it('names stream and revisions to who removes', async () => {
      const stream = freshStream()
      const absent = { name: 'WrongExpectedVersionError', streamName: stream, actualVersion: -1n }
      expect(await errorOf(client().deleteStream(stream))).to.include({ ...absent, expectedVersion: -2n })
      await client().appendToStream(stream, events('a', 'b'))
      for (const call of [client().deleteStream.bind(client()), client().tombstoneStream.bind(client())])
        expect(await errorOf(call(stream, { expectedRevision: 0n }))).to.include({
          name: 'WrongExpectedVersionError',
          streamName: stream,
          expectedVersion: 0n,
          actualVersion: 1n,
        })
      await client().tombstoneStream(stream)
      for (const call of [
        client().deleteStream(stream),
        client().tombstoneStream(stream),
        brief(client().readStream(stream)),
      ])
        expect(await errorOf(call)).to.include({ name: 'StreamDeletedError', streamName: stream })
    })

    it('names the stream that is not there', async () => {
      const stream = freshStream()
      const answer = await errorOf(brief(client().readStream(stream)))
      expect(answer).to.include({ name: 'StreamNotFoundError', streamName: stream })
    })

    if (promises.namesBadRequests)
      it('names a regular expression that cannot be read', async () => {
        const subscription = client().subscribeToAll({ filter: eventTypeFilter({ regex: '(' }) })
        expect((await errorOf(collect(subscription))).code).to.equal(3)
      })
  })

  describe('keeping deadlines', () => {
    for (const [way, options] of Object.entries(ways))
      it(`ends an append ${way} that took longer than its caller would wait`, async () => {
        const many = Array.from({ length: 30_000 }, (_, k) => anEvent(String(k)))
        const call = client().appendToStream(freshStream(), many, { ...options, deadline: 1 })
        expect(await failureOf(call)).to.equal('DeadlineExceededError')
        expect(await failureOf(client().appendToStream(freshStream(), anEvent('a'), options))).to.equal('no failure')
      })
  })

  describe('introducing itself', () => {
    it('tells a version of three numbers, and that it takes appends in batches', async () => {
      // eslint-disable-next-line @typescript-eslint/dot-notation -- only so does TypeScript let a protected member be used
      const { serverVersion, supports } = await client()['capabilities']
      expect(serverVersion).to.match(/^\d+\.\d+\.\d+$/)
      expect(supports(streams.StreamsService.batchAppend)).to.equal(true)
    })

    it('is found by clients that look for a cluster', async () => {
      const discovering = EventStoreDBClient.connectionString(url.replace(/^esdb(\+discover)?:/, 'esdb+discover:'))
      const stream = freshStream()
      try {
        expect((await discovering.appendToStream(stream, anEvent('a'))).success).to.equal(true)
        expect(await brief(client().readStream(stream))).to.deep.equal(['a#0'])
      } finally {
        await discovering.dispose()
      }
    })

    it('takes many appends of one client at the same moment', async () => {
      const stream = freshStream('flood')
      const value = 'A'.repeat(900)
      const one = () => client().appendToStream(stream, anEvent(value))
      const answers = await Promise.all(Array.from({ length: 5_000 }, one))
      const revisions = answers.map(({ nextExpectedRevision }) => Number(nextExpectedRevision)).sort((a, b) => a - b)
      expect(revisions).to.deep.equal(Array.from({ length: 5_000 }, (_, revision) => revision))
    })

    it('takes an append that is cut into many small messages', async () => {
      const many = Array.from({ length: 2_000 }, (_, k) => anEvent(String(k)))
      const stream = freshStream()
      const { nextExpectedRevision } = await client().appendToStream(stream, many, { batchAppendSize: 1_024 })
      expect(nextExpectedRevision).to.equal(1_999n)
    })

    if (promises.servesStreamsOnly)
      it('does not announce persistent subscriptions and projections, and says UNIMPLEMENTED when they are called', async () => {
        const toAll = persistentSubscriptionToAllSettingsFromDefaults()
        const group = client().createPersistentSubscriptionToAll('conformance', toAll)
        expect(await failureOf(group), 'refused by the client, which was not told of it').to.equal('UnsupportedError')
        const settings = persistentSubscriptionToStreamSettingsFromDefaults()
        const ofStream = client().createPersistentSubscriptionToStream(freshStream(), 'conformance', settings)
        expect((await errorOf(ofStream)).code).to.equal(12)
        expect((await errorOf(client().listProjections())).code).to.equal(12)
        expect((await client().appendToStream(freshStream(), anEvent('a'))).success).to.equal(true)
      })
  })
}
