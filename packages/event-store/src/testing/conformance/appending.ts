import { randomUUID } from 'node:crypto'
import {
  BACKWARDS,
  binaryEvent,
  END,
  jsonEvent,
  NO_STREAM,
  STREAM_EXISTS,
  type WrongExpectedVersionError,
} from '@eventstore/db-client'
import { expect } from 'chai'
import { anEvent, brief, collect, events, failureOf, freshStream, ways, type Given } from './given.js'

/** Appends, one by one and many at once (esdb-protocol.md, 3). */
export const appending = ({ client, promises }: Given): void => {
  for (const [way, options] of Object.entries(ways))
    describe(`appending ${way}`, () => {
      it('stores events together, in order, and says where the last one is', async () => {
        const stream = freshStream()
        const result = await client().appendToStream(stream, events('a', 'b', 'c'), options)
        expect(result.success).to.equal(true)
        expect(result.nextExpectedRevision).to.equal(2n)
        expect(await brief(client().readStream(stream))).to.deep.equal(['a#0', 'b#1', 'c#2'])
        for await (const { event } of client().readStream(stream, {
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
        await client().appendToStream(
          stream,
          [
            jsonEvent({ id, type: 'Złożono', data: { kwota: 1.5, list: [null] }, metadata: { who: 'dana' } }),
            binaryEvent({ type: 'Scan', data: Uint8Array.of(0, 255, 128), metadata: Uint8Array.of(1) }),
          ],
          options,
        )
        const [json, binary] = (await collect(client().readStream(stream))).map(({ event }) => event)
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
        const { position } = await client().appendToStream(stream, first, none)
        await client().appendToStream(stream, second, { ...options, expectedRevision: 1n })

        const again = await client().appendToStream(stream, first, none)
        expect([again.nextExpectedRevision, again.position]).to.deep.equal([1n, position])
        expect((await client().appendToStream(stream, first, options)).nextExpectedRevision).to.equal(1n)
        const exact = { ...options, expectedRevision: 1n }
        expect((await client().appendToStream(stream, second, exact)).nextExpectedRevision).to.equal(2n)
        expect(await brief(client().readStream(stream))).to.deep.equal(['a#0', 'b#1', 'c#2'])
      })

      it('refuses what does not meet the expected revision, and says what there is', async () => {
        const stream = freshStream()
        const refused = async (expectedRevision: bigint | 'no_stream' | 'stream_exists') => {
          const error = await client()
            .appendToStream(stream, anEvent('x'), { ...options, expectedRevision })
            .then(
              () => undefined,
              (reason: unknown) => reason as WrongExpectedVersionError,
            )
          expect(error?.constructor.name).to.equal('WrongExpectedVersionError')
          return [error?.expectedVersion, error?.actualVersion]
        }
        expect(await refused(STREAM_EXISTS)).to.deep.equal(['stream_exists', 'no_stream'])
        expect(await refused(3n)).to.deep.equal([3n, 'no_stream'])
        await client().appendToStream(stream, events('a', 'b'), options)
        expect(await refused(NO_STREAM)).to.deep.equal(['no_stream', 1n])
        expect(await refused(0n)).to.deep.equal([0n, 1n])
        expect(await refused(7n)).to.deep.equal([7n, 1n])
      })

      it('takes one of many that race for the same revision', async () => {
        const stream = freshStream()
        await client().appendToStream(stream, anEvent('a'), options)
        const outcomes = await Promise.all(
          events('1', '2', '3', '4', '5', '6', '7', '8').map((event) =>
            failureOf(client().appendToStream(stream, event, { ...options, expectedRevision: 0n })),
          ),
        )
        expect(outcomes.filter((outcome) => outcome === 'no failure')).to.have.lengthOf(1)
        expect(outcomes.filter((outcome) => outcome === 'WrongExpectedVersionError')).to.have.lengthOf(7)
        expect(await brief(client().readStream(stream))).to.have.lengthOf(2)
      })

      it('counts the bytes of data against 1 MiB, and nothing else', async () => {
        const many = (count: number) =>
          Array.from({ length: count }, () => binaryEvent({ type: 'eight-by', data: Buffer.alloc(32) }))
        const stream = freshStream()
        expect((await client().appendToStream(stream, many(30_000), options)).nextExpectedRevision).to.equal(29_999n)
        expect(await failureOf(client().appendToStream(freshStream(), many(40_000), options))).to.equal(
          'MaxAppendSizeExceededError',
        )
      })

      it('takes names of any length, and data that is not the JSON it claims to be', async () => {
        const stream = freshStream('n'.repeat(5_000))
        await client().appendToStream(stream, events('a'), options)
        await client().appendToStream(stream, events('b'), options)
        expect(await brief(client().readStream(stream))).to.deep.equal(['a#0', 'b#1'])
      })

      if (promises.survivesTheStreamWithoutName)
        it('refuses the stream $$ and lives on', async () => {
          expect(await failureOf(client().appendToStream('$$', anEvent('x'), options))).to.equal('UnknownError')
          expect((await client().appendToStream(freshStream(), anEvent('a'), options)).success).to.equal(true)
        })
    })

  it('decides each of many appends by itself: one that fails harms no neighbour', async () => {
    const stream = freshStream()
    await client().appendToStream(stream, anEvent('first'))
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        index % 2 === 0
          ? failureOf(client().appendToStream(freshStream(), anEvent('a')))
          : failureOf(client().appendToStream(stream, anEvent('late'), { expectedRevision: NO_STREAM })),
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
    const results = await Promise.all(Array.from({ length: 10 }, () => client().appendToStream(stream, given)))
    expect(new Set(results.map(({ nextExpectedRevision }) => nextExpectedRevision))).to.deep.equal(new Set([1n]))
    expect(await brief(client().readStream(stream))).to.deep.equal(['a#0', 'b#1'])
  })
}
