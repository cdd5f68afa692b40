import { EventStoreDBClient, binaryEvent } from '@eventstore/db-client'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { codeOf, familyOf, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createEventStore, type EventStore } from './event-store.js'
import { anEvent, freshStream, typesIn } from './testing/index.js'

const faultFrom = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'no fault',
    (error: unknown) => `${familyOf(error)} ${codeOf(error)}`,
  )

describe('the event store', () => {
  let url: string
  let store: EventStore
  before(() => {
    url = testEventStoreUrl()
    store = createEventStore({ url, log: silentLog() })
  })
  after(() => store.stop())

  describe('append', () => {
    it('stores events that read back as they were given, with their place and time', async () => {
      const stream = freshStream('spec')
      const first = anEvent({ type: 'Opened', data: { name: 'zażółć', list: [1, null] }, metadata: { who: 'dana' } })
      const second = anEvent({ type: 'Closed', data: [], metadata: {} })
      const started = Date.now()
      const { revision, position } = await store.append(stream, 'no_stream', [first, second])
      const events = await store.read(stream)

      expect(revision).to.equal(1)
      expect(events.map(({ position: _, createdAt: __, ...rest }) => rest)).to.deep.equal([
        { ...first, stream, revision: 0, isJson: true },
        { ...second, stream, revision: 1, isJson: true },
      ])
      expect(events[1]?.position).to.equal(position)
      expect(events[0]?.position).to.satisfy((place: bigint) => place < position!)
      expect(events[0]?.createdAt).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      expect(Date.parse(events[0]!.createdAt)).to.be.closeTo(started, 60_000)
    })

    it('stores nothing twice when it is repeated with the same ids', async () => {
      const stream = freshStream('spec')
      const events = [anEvent(), anEvent()]
      const first = await store.append(stream, 'no_stream', events)
      expect(await store.append(stream, 'no_stream', events)).to.deep.equal(first)
      await store.append(stream, 1, [anEvent({ type: 'Later' })])
      expect(await store.append(stream, 'no_stream', events)).to.deep.equal(first)
      expect(await typesIn(store, stream)).to.deep.equal(['SomethingHappened', 'SomethingHappened', 'Later'])
    })

    it('says stream/moved when the stream is not at the expected revision', async () => {
      const stream = freshStream('spec')
      expect(await faultFrom(store.append(stream, 0, [anEvent()]))).to.equal('conflict stream/moved')
      await store.append(stream, 'no_stream', [anEvent()])
      expect(await faultFrom(store.append(stream, 'no_stream', [anEvent()]))).to.equal('conflict stream/moved')
      expect(await faultFrom(store.append(stream, 7, [anEvent()]))).to.equal('conflict stream/moved')
      expect((await store.append(stream, 'any', [anEvent()])).revision).to.equal(1)
    })

    it('says stream/moved also when the URL asks the client not to throw', async () => {
      const lenient = createEventStore({
        url: `${url}${url.includes('?') ? '&' : '?'}throwOnAppendFailure=false`,
        log: silentLog(),
      })
      try {
        expect(await faultFrom(lenient.append(freshStream('spec'), 3, [anEvent()]))).to.equal('conflict stream/moved')
      } finally {
        await lenient.stop()
      }
    })

    it('says append_too_large for what the server does not take, and goes on', async () => {
      const stream = freshStream('spec')
      const large = (bytes: number) => store.append(stream, 'any', [anEvent({ data: 'x'.repeat(bytes) })])
      expect(await faultFrom(large(2_000_000))).to.equal('malformed event-store/append_too_large')
      expect(await faultFrom(large(20_000_000))).to.equal('malformed event-store/append_too_large')
      expect((await large(1_000_000)).revision).to.equal(0)
    })

    it('says stream/deleted for a tombstoned stream, and so does read', async () => {
      const stream = freshStream('spec')
      const client = EventStoreDBClient.connectionString(url)
      await client.tombstoneStream(stream)
      await client.dispose()
      expect(await faultFrom(store.append(stream, 'any', [anEvent()]))).to.equal('refused stream/deleted')
      expect(await faultFrom(store.read(stream))).to.equal('refused stream/deleted')
    })

    it('refuses what the client would stumble over', async () => {
      const cyclic: { self?: unknown } = {}
      cyclic.self = cyclic
      const wrong = [
        anEvent({ id: 'no uuid' }),
        anEvent({ type: '' }),
        anEvent({ data: undefined }),
        anEvent({ data: cyclic }),
      ]
      for (const event of wrong) {
        expect(await faultFrom(store.append('spec', 'any', [event]))).to.equal('bug internal/bug')
      }
      expect(await faultFrom(store.append('spec', 'any', []))).to.equal('bug internal/bug')
    })

    it('takes hundreds at once', async () => {
      const stream = freshStream('spec')
      await Promise.all(Array.from({ length: 300 }, () => store.append(stream, 'any', [anEvent()])))
      expect(await typesIn(store, stream)).to.have.length(300)
    })
  })

  describe('read', () => {
    it('finds nothing in a stream that does not exist', async () => {
      const stream = freshStream('spec')
      expect(await store.read(stream)).to.deep.equal([])
      expect(await store.readLast(stream)).to.equal(undefined)
    })

    it('starts where it is told, reads as many as it is told, in either direction', async () => {
      const stream = freshStream('spec')
      await store.append(
        stream,
        'no_stream',
        ['a', 'b', 'c', 'd'].map((type) => anEvent({ type })),
      )
      const types = async (options: Parameters<EventStore['read']>[1]) =>
        (await store.read(stream, options)).map(({ type }) => type).join('')
      expect(await types({ from: 2 })).to.equal('cd')
      expect(await types({ from: 4 })).to.equal('')
      expect(await types({ from: 1, maxCount: 2 })).to.equal('bc')
      expect(await types({ direction: 'backwards' })).to.equal('dcba')
      expect(await types({ direction: 'backwards', from: 1 })).to.equal('ba')
      expect((await store.readLast(stream))?.type).to.equal('d')
    })

    it('can be left early, and keeps nobody from stopping', async () => {
      const own = createEventStore({ url, log: silentLog() })
      for (const length of [3, 1_000]) {
        const stream = freshStream('spec')
        await own.append(
          stream,
          'no_stream',
          Array.from({ length }, () => anEvent()),
        )
        for await (const { revision } of own.readEach(stream)) {
          expect(revision).to.equal(0)
          // By now the server has sent the rest, which nobody reads.
          expect((await own.readLast(stream))?.revision).to.equal(length - 1)
          break
        }
      }
      await own.stop()
    })

    it('fails in the middle when the store is stopped', async () => {
      const own = createEventStore({ url, log: silentLog() })
      const stream = freshStream('spec')
      await own.append(stream, 'no_stream', [anEvent(), anEvent(), anEvent()])
      const reading = async () => {
        for await (const _ of own.readEach(stream)) await own.stop()
      }
      expect(await faultFrom(reading())).to.equal('unavailable event-store/away')
    })

    it('hands out events that others stored with other content', async () => {
      const stream = freshStream('spec')
      const client = EventStoreDBClient.connectionString(url)
      await client.appendToStream(stream, [
        binaryEvent({ type: 'Binary', data: Buffer.from([0, 1, 255]), metadata: Buffer.from('no json') }),
      ])
      await client.dispose()
      const [event] = await store.read(stream)
      expect(event?.isJson).to.equal(false)
      expect(event?.data).to.deep.equal(Buffer.from([0, 1, 255]))
      expect(event?.metadata).to.deep.equal({})
    })
  })

  describe('readAll', () => {
    it('reads the log page by page, in order, every event once', async () => {
      const [one, other] = [freshStream('spec'), freshStream('spec')]
      const before = (await store.append(one, 'no_stream', [anEvent()])).position!
      for (let round = 0; round < 5; round += 1) {
        await store.append(one, round, [anEvent()])
        await store.append(other, round === 0 ? 'no_stream' : round - 1, [anEvent()])
      }
      const seen: string[] = []
      let after: bigint | 'start' = before
      for (let isLast = false; !isLast;) {
        const page = await store.readAll({ after, maxCount: 3 })
        seen.push(...page.events.map(({ stream, revision }) => `${stream} ${revision}`))
        after = page.position
        isLast = page.isLast
      }
      const ours = seen.filter((place) => place.startsWith(one) || place.startsWith(other))
      expect(ours).to.deep.equal([0, 1, 2, 3, 4].flatMap((n) => [`${one} ${n + 1}`, `${other} ${n}`]))
    })

    it('leaves the events of the system out', async () => {
      const stream = freshStream('spec')
      const client = EventStoreDBClient.connectionString(url)
      const { position } = await store.append(stream, 'no_stream', [anEvent()])
      await client.setStreamMetadata(stream, { maxCount: 5 })
      await client.dispose()
      await store.append(stream, 0, [anEvent({ type: 'After' })])
      const { events } = await store.readAll({ after: position!, maxCount: 100 })
      expect(events.filter((event) => event.stream.endsWith(stream)).map(({ type }) => type)).to.deep.equal(['After'])
    })
  })

  it('answers a check', () => store.check())

  it('serves nothing once it is stopped, and can be stopped again', async () => {
    const stopped = createEventStore({ url, log: silentLog() })
    const stream = freshStream('spec')
    const underWay = stopped.append(stream, 'no_stream', [anEvent()])
    await stopped.stop()
    await stopped.stop()
    expect((await underWay).revision).to.equal(0)
    expect(await faultFrom(stopped.append(stream, 'any', [anEvent()]))).to.equal('unavailable event-store/away')
    expect(await faultFrom(stopped.read(stream))).to.equal('unavailable event-store/away')
    expect(await faultFrom(stopped.check())).to.equal('unavailable event-store/away')
  })
})
