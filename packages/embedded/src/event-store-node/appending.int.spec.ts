import { randomUUID } from 'node:crypto'
import {
  binaryEvent,
  END,
  jsonEvent,
  NO_STREAM,
  BACKWARDS,
  STREAM_EXISTS,
  WrongExpectedVersionError,
} from '@eventstore/db-client'
import { expect } from 'chai'
import { anEvent, brief, collect, events, failureOf, freshStream, testNode } from './testing.js'

/** Appends with credentials of their own take the classic call, all others the batch call. Both must decide the same. */
const ways = { 'in a batch': {}, classically: { credentials: { username: 'admin', password: 'changeit' } } }

describe('an event store node', function () {
  let node: Awaited<ReturnType<typeof testNode>>
  before(async () => {
    node = await testNode()
  })
  after(() => node.stop())

  for (const [way, options] of Object.entries(ways))
    describe(`appending ${way}`, () => {
      it('stores events together, in order, and says where the last one is', async () => {
        const stream = freshStream()
        const result = await node.client.appendToStream(stream, events('a', 'b', 'c'), options)
        expect(result.success).to.equal(true)
        expect(result.nextExpectedRevision).to.equal(2n)
        expect(await brief(node.client.readStream(stream))).to.deep.equal(['a#0', 'b#1', 'c#2'])
        for await (const { event } of node.client.readStream(stream, {
          direction: BACKWARDS,
          fromRevision: END,
          maxCount: 1,
        }))
          expect(event?.position).to.deep.equal(result.position)
      })

      it('gives an event back as it was written', async () => {
        const stream = freshStream('zamówienie')
        const id = randomUUID()
        const started = Date.now()
        await node.client.appendToStream(
          stream,
          [
            jsonEvent({ id, type: 'Złożono', data: { kwota: 1.5, list: [null] }, metadata: { who: 'dana' } }),
            binaryEvent({ type: 'Scan', data: Uint8Array.of(0, 255, 128), metadata: Uint8Array.of(1) }),
          ],
          options,
        )
        const [json, binary] = (await collect(node.client.readStream(stream))).map(({ event }) => event)
        expect(json).to.include({ id, type: 'Złożono', streamId: stream, isJson: true, revision: 0n })
        expect(json?.data).to.deep.equal({ kwota: 1.5, list: [null] })
        expect(json?.metadata).to.deep.equal({ who: 'dana' })
        expect(json?.created.getTime()).to.be.within(started - 1, Date.now() + 1)
        expect(binary).to.include({ type: 'Scan', isJson: false, revision: 1n })
        expect([...(binary?.data as Uint8Array)]).to.deep.equal([0, 255, 128])
      })

      it('stores nothing twice when it is repeated', async () => {
        const stream = freshStream()
        const first = events('a', 'b')
        const second = events('c')
        const none = { ...options, expectedRevision: NO_STREAM } as const
        const { position } = await node.client.appendToStream(stream, first, none)
        await node.client.appendToStream(stream, second, { ...options, expectedRevision: 1n })

        const again = await node.client.appendToStream(stream, first, none)
        expect([again.nextExpectedRevision, again.position]).to.deep.equal([1n, position])
        expect((await node.client.appendToStream(stream, first, options)).nextExpectedRevision).to.equal(1n)
        const exact = { ...options, expectedRevision: 1n }
        expect((await node.client.appendToStream(stream, second, exact)).nextExpectedRevision).to.equal(2n)
        expect(await brief(node.client.readStream(stream))).to.deep.equal(['a#0', 'b#1', 'c#2'])
      })

      it('refuses what does not meet the expected revision, and says what there is', async () => {
        const stream = freshStream()
        const refused = async (expectedRevision: bigint | 'no_stream' | 'stream_exists') => {
          const error = await node.client.appendToStream(stream, anEvent('x'), { ...options, expectedRevision }).then(
            () => undefined,
            (reason: unknown) => reason as WrongExpectedVersionError,
          )
          expect(error).to.be.instanceOf(WrongExpectedVersionError)
          return [error?.expectedVersion, error?.actualVersion]
        }
        expect(await refused(STREAM_EXISTS)).to.deep.equal(['stream_exists', 'no_stream'])
        expect(await refused(3n)).to.deep.equal([3n, 'no_stream'])
        await node.client.appendToStream(stream, events('a', 'b'), options)
        expect(await refused(NO_STREAM)).to.deep.equal(['no_stream', 1n])
        expect(await refused(0n)).to.deep.equal([0n, 1n])
        expect(await refused(7n)).to.deep.equal([7n, 1n])
      })

      it('takes one of many that race for the same revision', async () => {
        const stream = freshStream()
        await node.client.appendToStream(stream, anEvent('a'), options)
        const outcomes = await Promise.all(
          events('1', '2', '3', '4', '5', '6', '7', '8').map((event) =>
            failureOf(node.client.appendToStream(stream, event, { ...options, expectedRevision: 0n })),
          ),
        )
        expect(outcomes.filter((outcome) => outcome === 'no failure')).to.have.lengthOf(1)
        expect(outcomes.filter((outcome) => outcome === 'WrongExpectedVersionError')).to.have.lengthOf(7)
        expect(await brief(node.client.readStream(stream))).to.have.lengthOf(2)
      })

      it('counts the bytes of data against 1 MiB, and nothing else', async () => {
        const many = (count: number) =>
          Array.from({ length: count }, () => binaryEvent({ type: 'eight-by', data: Buffer.alloc(32) }))
        const stream = freshStream()
        expect((await node.client.appendToStream(stream, many(30_000), options)).nextExpectedRevision).to.equal(29_999n)
        expect(await failureOf(node.client.appendToStream(freshStream(), many(40_000), options))).to.equal(
          'MaxAppendSizeExceededError',
        )
      })

      it('takes names of any length, and data that is not the JSON it claims to be', async () => {
        const stream = freshStream('n'.repeat(5_000))
        await node.client.appendToStream(stream, events('a'), options)
        await node.client.appendToStream(stream, events('b'), options)
        expect(await brief(node.client.readStream(stream))).to.deep.equal(['a#0', 'b#1'])
      })

      it('refuses the stream $$ and lives on', async () => {
        expect(await failureOf(node.client.appendToStream('$$', anEvent('x'), options))).to.equal('UnknownError')
        expect((await node.client.appendToStream(freshStream(), anEvent('a'), options)).success).to.equal(true)
      })
    })

  it('decides each of many appends by itself: one that fails harms no neighbour', async () => {
    const stream = freshStream()
    await node.client.appendToStream(stream, anEvent('first'))
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        index % 2 === 0
          ? failureOf(node.client.appendToStream(freshStream(), anEvent('a')))
          : failureOf(node.client.appendToStream(stream, anEvent('late'), { expectedRevision: NO_STREAM })),
      ),
    )
    expect(new Set(outcomes.filter((_, index) => index % 2 === 0))).to.deep.equal(new Set(['no failure']))
    expect(new Set(outcomes.filter((_, index) => index % 2 === 1))).to.deep.equal(
      new Set(['WrongExpectedVersionError']),
    )
  })

  it('holds back a repetition that races with its original', async () => {
    const stream = freshStream()
    const given = events('a', 'b')
    const results = await Promise.all(Array.from({ length: 10 }, () => node.client.appendToStream(stream, given)))
    expect(new Set(results.map(({ nextExpectedRevision }) => nextExpectedRevision))).to.deep.equal(new Set([1n]))
    expect(await brief(node.client.readStream(stream))).to.deep.equal(['a#0', 'b#1'])
  })
})
