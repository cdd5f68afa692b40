import { BACKWARDS, binaryEvent, END, FORWARDS, jsonEvent, START, type EventStoreDBClient } from '@eventstore/db-client'
import { expect } from 'chai'
import { anEvent, brief, collect, events, failureOf, freshStream, labelOf, type Given } from './given.js'

/** Reads of streams and of `$all`, and links (esdb-protocol.md, 4). */
export const reading = ({ client }: Given): void => {
  const ten = async (stream = freshStream()) => {
    await client().appendToStream(stream, events('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))
    return stream
  }
  const revisions = async (stream: string, options: Parameters<EventStoreDBClient['readStream']>[1] = {}) =>
    (await brief(client().readStream(stream, options))).map((label) => Number(label.split('#')[1]))

  it('has an event of its own before anyone writes', async () => {
    const first = await collect(client().readAll({ maxCount: 1 }))
    expect(first[0]?.event?.streamId).to.match(/^\$/)
  })

  describe('one stream', () => {
    it('gives its events from anywhere, both ways, that revision included', async () => {
      const stream = await ten()
      expect(await revisions(stream)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      expect(await revisions(stream, { fromRevision: 7n })).to.deep.equal([7, 8, 9])
      expect(await revisions(stream, { fromRevision: START, maxCount: 2 })).to.deep.equal([0, 1])
      expect(await revisions(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 3 })).to.deep.equal([9, 8, 7])
      expect(await revisions(stream, { direction: BACKWARDS, fromRevision: 2n })).to.deep.equal([2, 1, 0])
      expect(await revisions(stream, { direction: BACKWARDS, fromRevision: 99n, maxCount: 1 })).to.deep.equal([9])
      expect(await revisions(stream, { fromRevision: 10n })).to.deep.equal([])
    })

    it('gives long streams whole, however large their events', async () => {
      const stream = freshStream()
      const large = 'x'.repeat(100_000)
      for (let batch = 0; batch < 4; batch++)
        await client().appendToStream(
          stream,
          Array.from({ length: 10 }, () => jsonEvent({ type: 'Large', data: { large } })),
        )
      for (let batch = 0; batch < 4; batch++)
        await client().appendToStream(
          stream,
          Array.from({ length: 400 }, (_, k) => anEvent(String(k))),
        )
      const expected = Array.from({ length: 1_640 }, (_, revision) => revision)
      expect(await revisions(stream)).to.deep.equal(expected)
      expect(await revisions(stream, { direction: BACKWARDS, fromRevision: END })).to.deep.equal(expected.reverse())
    })

    it('says so when it was never written', async () => {
      expect(await failureOf(brief(client().readStream(freshStream())))).to.equal('StreamNotFoundError')
    })
  })

  describe('the log of everything', () => {
    it('holds all streams in the order of their commits, system events included', async () => {
      const [a, b] = [freshStream('a'), freshStream('b')]
      const { position } = await client().appendToStream(a, anEvent('first'))
      await client().appendToStream(b, anEvent('second'))
      await client().setStreamMetadata(a, { maxCount: 1 })
      await client().deleteStream(b)
      const last = await client().appendToStream(a, anEvent('last'))

      const ours = [a, b, `$$${a}`, `$$${b}`]
      const log = async (options: Parameters<EventStoreDBClient['readAll']>[0]) =>
        (await collect(client().readAll(options))).flatMap(({ event }) =>
          event && ours.includes(event.streamId) ? [labelOf(event)] : [],
        )
      expect(await log({ fromPosition: position! })).to.deep.equal([
        'first#0',
        'second#0',
        '$metadata#0',
        '$metadata#0',
        'last#1',
      ])
      const backwards = { direction: BACKWARDS, fromPosition: last.position! } as const
      const reversed = ['$metadata#0', '$metadata#0', 'second#0', 'first#0']
      expect((await log({ ...backwards, maxCount: 200 })).slice(0, 4), 'that position not included').to.deep.equal(
        reversed,
      )
      expect((await log({ direction: BACKWARDS, fromPosition: END, maxCount: 200 }))[0]).to.equal('last#1')
      expect(await collect(client().readAll({ direction: FORWARDS, fromPosition: END }))).to.deep.equal([])
    })

    it('has positions that only rise', async () => {
      await ten()
      const last = { direction: BACKWARDS, fromPosition: END, maxCount: 1_500 } as const
      const all = (await collect(client().readAll(last))).map(({ event }) => event!.position.commit).reverse()
      expect(all.length).to.be.above(10)
      expect(all.every((position, index) => index === 0 || position > all[index - 1]!)).to.equal(true)
    })
  })

  describe('links', () => {
    const link = (text: string) => binaryEvent({ type: '$>', data: Buffer.from(text) })
    const shown = async (stream: string, resolveLinkTos: boolean) =>
      (await collect(client().readStream(stream, { resolveLinkTos }))).map(({ event, link }) => [
        event ? labelOf(event) : undefined,
        link ? labelOf(link) : undefined,
      ])

    it('lead to their targets only when that is asked for', async () => {
      const [target, links] = [freshStream('target@x'), freshStream('links')]
      await client().appendToStream(target, events('a', 'b'))
      await client().appendToStream(links, link(`1@${target}`))
      expect(await shown(links, false)).to.deep.equal([['$>#0', undefined]])
      expect(await shown(links, true)).to.deep.equal([['b#1', '$>#0']])
    })

    it('stay alone when their target cannot be read', async () => {
      const [target, links] = [freshStream('target'), freshStream('links')]
      await client().appendToStream(target, events('a', 'b'))
      for (const text of [`9@${target}`, `0@${freshStream()}`, `0@${target}`])
        await client().appendToStream(links, link(text))
      await client().setStreamMetadata(target, { truncateBefore: 1 })
      expect(await shown(links, true)).to.deep.equal([
        [undefined, '$>#0'],
        [undefined, '$>#1'],
        [undefined, '$>#2'],
      ])
    })
  })
}
