import { testEventStoreUrl } from '@journey/embedded/testing'
import { codeOf, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createEventStore, type EventStore } from './event-store.js'
import { anEvent, breakable, freshStream, typesIn, type Breakable } from './testing/index.js'

const codeFrom = (call: Promise<unknown>): Promise<string> => call.then(() => 'none', codeOf)

/** Repeats a call until the event store is there again. */
const once = async <T>(call: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (codeOf(error) !== 'event-store/away') throw error
    }
  }
}

describe('an event store that breaks', () => {
  const distant = async (work: (store: EventStore, way: Breakable) => Promise<void>, appendLimitMs = 300) => {
    const way = await breakable(testEventStoreUrl())
    const store = createEventStore({ url: way.url, log: silentLog(), appendLimitMs, readLimitMs: 300 })
    try {
      await work(store, way)
    } finally {
      await store.stop()
      await way.cut()
    }
  }

  it('is event-store/away for every call while it cannot be reached, and is found again', () =>
    distant(async (store, way) => {
      const stream = freshStream('spec')
      await store.append(stream, 'no_stream', [anEvent()])
      await way.cut()
      expect(await codeFrom(store.append(stream, 0, [anEvent()]))).to.equal('event-store/away')
      expect(await codeFrom(store.read(stream))).to.equal('event-store/away')
      expect(await codeFrom(store.readAll({ after: 'start', maxCount: 1 }))).to.equal('event-store/away')
      expect(await codeFrom(store.check())).to.equal('event-store/away')
      await way.mend()
      await once(() => store.check())
      expect((await once(() => store.append(stream, 0, [anEvent()]))).revision).to.equal(1)
    }))

  it('is event-store/away from the first call on when it was never there', () =>
    distant(async (store, way) => {
      await way.cut()
      const stream = freshStream('spec')
      expect(await codeFrom(store.append(stream, 0, [anEvent()]))).to.equal('event-store/away')
      await way.mend()
      expect((await once(() => store.append(stream, 'no_stream', [anEvent()]))).revision).to.equal(0)
    }))

  it('settles every append under way when the connection breaks, and none is lost or doubled by repeating them', () =>
    distant(async (store, way) => {
      const stream = freshStream('spec')
      await store.append(stream, 'no_stream', [anEvent({ type: 'first' })])
      const events = Array.from({ length: 200 }, (_, n) => anEvent({ type: `${n}`, data: 'x'.repeat(5_000) }))
      const all = events.map((event) => once(() => store.append(stream, 'any', [event])))
      await all[20]
      await way.cut()
      await way.mend()
      await Promise.all(all)
      const types = await once(() => typesIn(store, stream))
      expect(types.toSorted()).to.deep.equal(['first', ...events.map(({ type }) => type)].toSorted())
    })).timeout(20_000)

  it('gives appends up that get no answer, and works again once there are answers', () =>
    distant(async (store, way) => {
      const stream = freshStream('spec')
      await store.append(stream, 'no_stream', [anEvent()])
      way.hush()
      const unheard = Array.from({ length: 60 }, () => anEvent({ data: 'x'.repeat(1_000) }))
      const codes = await Promise.all(unheard.map((event) => codeFrom(store.append(stream, 'any', [event]))))
      expect(new Set(codes)).to.deep.equal(new Set(['event-store/away']))
      expect(await codeFrom(store.read(stream))).to.equal('event-store/away')
      way.unhush()
      await Promise.all(unheard.map((event) => once(() => store.append(stream, 'any', [event]))))
      expect(await once(() => typesIn(store, stream))).to.have.length(61)
    })).timeout(20_000)

  it('leaves no rejection behind in the client when the way to the server is full and breaks', async () => {
    const uncaught: unknown[] = []
    const note = (reason: unknown) => uncaught.push(reason)
    process.on('unhandledRejection', note)
    try {
      await distant(async (store, way) => {
        const stream = freshStream('spec')
        const large = () => store.append(stream, 'any', [anEvent({ data: 'x'.repeat(100_000) })])
        await large()
        way.hush()
        const codes = await Promise.all(Array.from({ length: 60 }, () => codeFrom(large())))
        expect(new Set(codes)).to.deep.equal(new Set(['event-store/away']))
        way.unhush()
        await once(large)
      }, 1_000)
      expect(uncaught).to.deep.equal([])
    } finally {
      process.off('unhandledRejection', note)
    }
  }).timeout(20_000)

  it('lets a check that gets no answer fail without touching appends under way', () =>
    distant(async (_, way) => {
      const patient = createEventStore({ url: way.url, log: silentLog() })
      try {
        const stream = freshStream('spec')
        await patient.append(stream, 'no_stream', [anEvent()])
        way.hush()
        const append = patient.append(stream, 0, [anEvent()]).then(({ revision }) => revision, codeOf)
        expect(await codeFrom(patient.check())).to.equal('event-store/away')
        way.unhush()
        expect(await append).to.equal(1)
      } finally {
        await patient.stop()
      }
    })).timeout(20_000)

  it('does not count the time a reader takes', () =>
    distant(async (store) => {
      const stream = freshStream('spec')
      await store.append(
        stream,
        'no_stream',
        Array.from({ length: 100 }, () => anEvent()),
      )
      let count = 0
      for await (const { revision } of store.readEach(stream)) {
        if (revision === 0) await new Promise((resolve) => setTimeout(resolve, 400)) // longer than the read's limit
        count += 1
      }
      expect(count).to.equal(100)
    }))
})
