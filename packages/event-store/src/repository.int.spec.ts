import { randomUUID } from 'node:crypto'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { codeOf, Fault, familyOf, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import fc from 'fast-check'
import { eventIdFor } from './event-ids.js'
import { createEventStore, type EventStore } from './event-store.js'
import { createRepository, type DecidedEvent, type Loaded, type Repository } from './repository.js'
import { anEvent, breakable, count, counter, counting, freshStream, typesIn, type Stepped } from './testing/index.js'

const limit = 12

const step =
  (by: number) =>
  ({ state }: Loaded<number>): DecidedEvent[] => {
    if (state + by > limit) throw new Fault('refused', 'counter/full', 'the counter is full')
    return by === 0 ? [] : [{ type: 'Stepped', data: { by, total: state + by }, metadata: {} }]
  }

const neverCalled = (): DecidedEvent[] => {
  throw new Error('decided again')
}

/** As the bus would: a conflict is tried again. */
const untilDecided = async <T>(call: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (familyOf(error) !== 'conflict') throw error
    }
  }
}

const codeFrom = (call: Promise<unknown>): Promise<string> => call.then(() => 'none', codeOf)

describe('a repository', () => {
  let url: string
  let store: EventStore
  before(() => {
    url = testEventStoreUrl()
    store = createEventStore({ url, log: silentLog() })
  })
  after(() => store.stop())

  const repository = (
    options: { capacity?: number; maxWeight?: number; store?: EventStore } = {},
  ): Repository<number> => createRepository({ store, capacity: 10, fold: counter, log: silentLog(), ...options })

  it('stores what is decided, under ids that follow from the command, with the command in the metadata', async () => {
    const stream = freshStream('counter')
    const outcome = await repository().transact(stream, { id: 'c1', digest: 'd1' }, () => [
      { type: 'Stepped', data: { by: 1, total: 1 }, metadata: { $correlationId: 'r' } },
      { type: 'Noted', data: {}, metadata: {} },
    ])
    const events = await store.read(stream)
    expect(outcome).to.deep.equal({
      revision: 1,
      eventTypes: ['Stepped', 'Noted'],
      repeated: false,
      position: events[1]?.position,
    })
    expect(events.map(({ id, metadata }) => ({ id, metadata }))).to.deep.equal([
      {
        id: eventIdFor('c1', stream, 0),
        metadata: { $correlationId: 'r', $causationId: 'c1', command_digest: 'd1' },
      },
      { id: eventIdFor('c1', stream, 1), metadata: { $causationId: 'c1', command_digest: 'd1' } },
    ])
  })

  it('decides on the state of the stream, whoever wrote it', async () => {
    const stream = freshStream('counter')
    const [one, other] = [repository(), repository()]
    await one.transact(stream, { id: 'a' }, step(2))
    await other.transact(stream, { id: 'b' }, step(3))
    await one.transact(stream, { id: 'c' }, step(4))
    expect(await other.load(stream)).to.deep.equal({ state: 9, revision: 2 })
    expect(await one.load(stream)).to.deep.equal({ state: 9, revision: 2 })
    expect(await repository().load(freshStream('counter'))).to.deep.equal({ state: 0, revision: -1 })
  })

  it('loads what is remembered, where that is late enough', async () => {
    const stream = freshStream('counter')
    const [one, other] = [repository(), repository()]
    await one.transact(stream, { id: 'a' }, step(2))
    await other.transact(stream, { id: 'b' }, step(3))
    expect(await one.load(stream, { atLeast: 0 })).to.deep.equal({ state: 2, revision: 0 })
    expect(await one.load(stream, { atLeast: 1 })).to.deep.equal({ state: 5, revision: 1 })
    expect(await repository().load(stream, { atLeast: 0 })).to.deep.equal({ state: 5, revision: 1 })
  })

  it('gives a repeated command its first outcome without deciding, from memory or from the stream', async () => {
    const stream = freshStream('counter')
    const first = repository()
    const { position: _, ...outcome } = await first.transact(stream, { id: 'a', digest: 'd' }, step(2))
    await first.transact(stream, { id: 'b' }, step(1))
    for (const again of [first, repository(), repository({ capacity: 1 })]) {
      const repeated = await again.transact(stream, { id: 'a', digest: 'd' }, neverCalled)
      expect(repeated).to.deep.equal({ ...outcome, repeated: true })
    }
    expect(await typesIn(store, stream)).to.have.length(2)
  })

  it('refuses another command under a key that the stream remembers', async () => {
    const stream = freshStream('counter')
    const one = repository()
    await one.transact(stream, { id: 'a', digest: 'd' }, step(2))
    for (const again of [one, repository()]) {
      const refused = again.transact(stream, { id: 'a', digest: 'other' }, neverCalled)
      expect(await codeFrom(refused)).to.equal('command/key_reused')
      await refused.catch((error: unknown) => expect(familyOf(error)).to.equal('refused'))
    }
  })

  it('lets a refusal through untouched and stores nothing', async () => {
    const stream = freshStream('counter')
    const refusal = new Fault('refused', 'counter/full', 'the counter is full')
    const refuse = () => {
      throw refusal
    }
    expect(
      await repository()
        .transact(stream, { id: 'a' }, refuse)
        .catch((error: unknown) => error),
    ).to.equal(refusal)
    expect(await store.read(stream)).to.deep.equal([])
  })

  it('accepts a command that changes nothing, at the revision of the stream', async () => {
    const stream = freshStream('counter')
    const one = repository()
    expect(await one.transact(stream, { id: 'a' }, step(0))).to.deep.equal({
      revision: -1,
      eventTypes: [],
      repeated: false,
    })
    await one.transact(stream, { id: 'b' }, step(2))
    expect(await one.transact(stream, { id: 'c' }, step(0))).to.deep.equal({
      revision: 0,
      eventTypes: [],
      repeated: false,
    })
  })

  it('refuses only on the true state, however old the one in memory is', async () => {
    const stream = freshStream('counter')
    const [one, other] = [repository(), repository()]
    const mustBeTwo = ({ state }: Loaded<number>): DecidedEvent[] => {
      if (state !== 2) throw new Fault('refused', 'counter/not_two', `it is ${state}`)
      return []
    }
    await one.transact(stream, { id: 'a' }, step(1))
    await other.transact(stream, { id: 'b' }, step(1))
    expect((await one.transact(stream, { id: 'c' }, mustBeTwo)).revision).to.equal(1)
  })

  it('hands a conflict on when the stream moves during every one of five decisions', async () => {
    const stream = freshStream('counter')
    let decisions = 0
    const racing: EventStore = {
      ...store,
      append: async (name, expected, events) => {
        decisions += 1
        await store.append(name, 'any', [anEvent({ type: 'Foreign' })])
        return store.append(name, expected, events)
      },
    }
    expect(await codeFrom(repository({ store: racing }).transact(stream, { id: 'a' }, count))).to.equal('stream/moved')
    expect(decisions).to.equal(5)
    expect(await repository().load(stream)).to.deep.equal({ state: 0, revision: 4 })
  })

  it('handles each of 50 commands once when two repositories race on one stream', async () => {
    const stream = freshStream('counter')
    const both = [repository(), repository()]
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        untilDecided(() => both[n % 2]!.transact(stream, { id: `${n}`, digest: `${n}` }, count)),
      ),
    )
    const events = await store.read(stream)
    expect(events.map(({ data }) => (data as Stepped).total)).to.deep.equal(Array.from({ length: 50 }, (_, n) => n + 1))
    expect(outcomes.map(({ revision }) => revision).toSorted((a, b) => a - b)).to.deep.equal(
      events.map(({ revision }) => revision),
    )
    outcomes.forEach(({ revision }, n) => expect(events[revision]?.metadata.$causationId).to.equal(`${n}`))
  })

  it('does once what is asked of two repositories at the same moment', async () => {
    const stream = freshStream('counter')
    const both = [repository(), repository()]
    const outcomes = await Promise.all(
      both.map((one) => untilDecided(() => one.transact(stream, { id: 'a' }, step(3)))),
    )
    expect(outcomes.map(({ revision }) => revision)).to.deep.equal([0, 0])
    expect(await repository().load(stream)).to.deep.equal({ state: 3, revision: 0 })
  })

  it('does a command once whose append ended unknown, and remembers what was stored the first time', async () => {
    const way = await breakable(url)
    const distant = createEventStore({ url: way.url, log: silentLog(), appendLimitMs: 300 })
    try {
      const stream = freshStream('counter')
      const one = repository({ store: distant })
      await one.transact(stream, { id: 'a' }, step(1))
      way.hush()
      expect(await codeFrom(one.transact(stream, { id: 'b' }, step(2)))).to.equal('event-store/away')
      way.unhush()
      const again = await one.transact(stream, { id: 'b' }, step(2))
      expect([again.revision, again.eventTypes]).to.deep.equal([1, ['Stepped']])
      expect(await one.load(stream)).to.deep.equal({ state: 3, revision: 1 })
      expect(await typesIn(store, stream)).to.deep.equal(['Stepped', 'Stepped'])
    } finally {
      await distant.stop()
      await way.cut()
    }
  })

  it('remembers what the store kept when an append under doubt turns out to have been stored meanwhile', async () => {
    const stream = freshStream('counter')
    let isAway = true
    // The first append is stored, but only after the second attempt has read the stream: so says this store.
    const late: EventStore = {
      ...store,
      append: async (name, expected, events) => {
        if (isAway) {
          isAway = false
          throw new Fault('unavailable', 'event-store/away', 'no answer')
        }
        const [first] = events
        await store.append(name, expected, [{ ...first!, data: { by: 5, total: 5 } }])
        return store.append(name, expected, events)
      },
    }
    const one = repository({ store: late })
    expect(await codeFrom(one.transact(stream, { id: 'a' }, step(1)))).to.equal('event-store/away')
    await one.transact(stream, { id: 'a' }, step(1))
    expect(await one.load(stream)).to.deep.equal({ state: 5, revision: 0 })
  })

  it('reads nothing for a command on a stream that it remembers, be it accepted', async () => {
    const stream = freshStream('counter')
    const counted = counting(store)
    const one = repository({ store: counted })
    await one.transact(stream, { id: 'first' }, count)
    const before = counted.reads.length
    for (let n = 0; n < 100; n += 1) await one.transact(stream, { id: `${n}` }, count)
    expect([counted.reads.length - before, counted.appends.length]).to.deep.equal([0, 101])
  })

  it('never meets itself: a hundred commands on one stream at once are a hundred appends, and nothing is read between', async () => {
    const stream = freshStream('counter')
    const counted = counting(store)
    const one = repository({ store: counted })
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) => one.transact(stream, { id: `${n}` }, count)),
    )
    expect(counted.appends).to.deep.equal(Array.from({ length: 100 }, () => 'ok'))
    expect(counted.events).to.equal(0)
    expect(outcomes.map(({ revision }) => revision)).to.deep.equal(Array.from({ length: 100 }, (_, n) => n))
  })

  it('reads only what is new when the stream has moved, and decides again on it', async () => {
    const stream = freshStream('counter')
    const counted = counting(store)
    const [one, other] = [repository({ store: counted }), repository()]
    for (let n = 0; n < 50; n += 1) await one.transact(stream, { id: `${n}` }, count)
    for (let n = 0; n < 3; n += 1) await other.transact(stream, { id: `other ${n}` }, count)
    counted.events = 0
    expect((await one.transact(stream, { id: 'again' }, count)).revision).to.equal(53)
    expect([counted.events, counted.appends.slice(-2)]).to.deep.equal([3, ['stream/moved', 'ok']])
    expect(await one.load(stream)).to.deep.equal({ state: 54, revision: 53 })
  })

  it('keeps no more in memory than it may, by number and by weight, and does the same work', async () => {
    const streams = Array.from({ length: 5 }, () => freshStream('counter'))
    for (const small of [{ capacity: 2 }, { maxWeight: 200 }, { maxWeight: 1 }]) {
      const counted = counting(store)
      const one = repository({ store: counted, ...small })
      for (const stream of [...streams, ...streams]) await one.load(stream)
      expect(counted.reads.length).to.be.at.least(small.maxWeight === 200 ? 5 : 10)
      const totals = []
      for (const stream of streams) totals.push((await one.transact(stream, { id: randomUUID() }, count)).revision)
      expect(new Set(totals).size).to.equal(1)
    }
  })

  it('gives every interleaving of commands the effect of a sequence of them', async () => {
    const command = fc.record({ stream: fc.nat({ max: 1 }), at: fc.nat({ max: 1 }), id: fc.nat({ max: 7 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 24 }), async (commands) => {
        const streams = [freshStream('counter'), freshStream('counter')]
        const both = [repository({ capacity: 1 }), repository()]
        const by = (id: number) => (id % 3) + 1
        const outcomes = await Promise.all(
          commands.map(({ stream, at, id }) =>
            untilDecided(() =>
              both[at]!.transact(streams[stream]!, { id: `${id}`, digest: `${id}` }, step(by(id))),
            ).then(({ revision }) => revision, codeOf),
          ),
        )
        for (const [index, stream] of streams.entries()) {
          const events = await store.read(stream)
          const sequence = events.map(({ metadata }) => Number(metadata.$causationId))
          const totals = sequence.map((_, place) => sequence.slice(0, place + 1).reduce((sum, id) => sum + by(id), 0))
          expect(events.map(({ data }) => (data as Stepped).total)).to.deep.equal(totals)
          const total = totals.at(-1) ?? 0
          commands.forEach(({ stream: target, id }, place) => {
            if (target !== index) return
            const stored = sequence.indexOf(id)
            expect(sequence.lastIndexOf(id)).to.equal(stored)
            expect(outcomes[place]).to.equal(stored === -1 ? 'counter/full' : stored)
            if (stored === -1) expect(total + by(id)).to.be.greaterThan(limit)
          })
        }
      }),
      { numRuns: 25 },
    )
  }).timeout(60_000)
})
