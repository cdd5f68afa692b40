import { randomUUID } from 'node:crypto'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { Fault, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { Folded } from './aggregate.js'
import { eventIdFor } from './event-ids.js'
import { createEventStore, type EventStore } from './event-store.js'
import type { StoredEvent } from './events.js'
import { createRepository, type Repository } from './repository.js'
import { sealed, snapshotOf, snapshotType } from './snapshot.js'
import { createSnapshots, type SnapshotOutcome, type Snapshots } from './snapshots.js'
import { snapshotStreamOf } from './stream-names.js'
import { anEvent, count, counter, counting, freshStream, stepsIn, type Stepped } from './testing/index.js'

const every = 20

describe('a repository with snapshots', () => {
  let store: EventStore
  before(() => {
    store = createEventStore({ url: testEventStoreUrl(), log: silentLog() })
  })
  after(() => store.stop())

  /** What a process has: nothing in memory at first. */
  const opened = (
    over: { schema?: string; store?: EventStore } = {},
  ): {
    counted: ReturnType<typeof counting>
    outcomes: SnapshotOutcome[]
    snapshots: Snapshots<number, Stepped>
    repository: Repository<number>
  } => {
    const counted = counting(over.store ?? store)
    const outcomes: SnapshotOutcome[] = []
    const options = { store: counted, fold: counter, log: silentLog() }
    const snapshots = createSnapshots({
      schema: 'counter/1',
      ...over,
      ...options,
      every,
      count: (outcome) => outcomes.push(outcome),
    })
    return { counted, outcomes, snapshots, repository: createRepository({ ...options, capacity: 10, snapshots }) }
  }

  /** A stream of so many commands, with the snapshots that go with them. */
  const counted = async (commands: number): Promise<string> => {
    const stream = freshStream('counter')
    const { repository, snapshots } = opened()
    for (let n = 0; n < commands; n += 1) await repository.transact(stream, { id: `c${n}`, digest: `d${n}` }, count)
    await snapshots.settled()
    return stream
  }
  const snapshotsOf = (stream: string): Promise<StoredEvent[]> => store.read(snapshotStreamOf(stream))
  const foldOf = async (stream: string): Promise<Folded<number, Stepped>> => {
    const all = new Folded(counter)
    for (const event of await store.read(stream)) all.add(event)
    return all
  }
  const wrong = (stream: string, data: unknown): Promise<unknown> =>
    store.append(snapshotStreamOf(stream), 'any', [anEvent({ type: snapshotType, data })])

  it('takes one whenever so many events were stored since the last, and keeps the last three', async () => {
    const stream = await counted(5 * every + 3)
    const taken = (await snapshotsOf(stream)).map(({ data }) => (data as { revision: number }).revision)
    expect(taken).to.deep.equal([3, 4, 5].map((n) => n * every - 1))
    const { repository, snapshots, outcomes } = opened()
    for (let n = 0; n < every - 3; n += 1) await repository.transact(stream, { id: `later ${n}` }, count)
    await snapshots.settled()
    expect(outcomes).to.deep.equal(['read', 'written'])
  })

  it('loads a long stream from its last snapshot and the tail alone', async () => {
    const stream = freshStream('counter')
    await stepsIn(store, stream, 1_000)
    const first = opened()
    await first.repository.transact(stream, { id: 'a' }, count)
    await first.snapshots.settled()
    for (let n = 0; n < 5; n += 1) await first.repository.transact(stream, { id: `b${n}` }, count)
    expect(first.outcomes).to.deep.equal(['written'])
    const { repository, counted, outcomes } = opened()
    expect(await repository.load(stream)).to.deep.equal({ state: 1_006, revision: 1_005 })
    expect(outcomes).to.deep.equal(['read'])
    expect(counted.events).to.be.at.most(1 + 8 + 1 + 5) // the snapshot, the beginning beside it, its last event, the tail
  })

  it('remembers every command of before the snapshot, with its outcome and its digest', async () => {
    const stream = await counted(3 * every + 5)
    const neverCalled = () => expect.fail('decided again')
    const { repository, outcomes } = opened()
    for (const n of [0, 1, every - 1, every, 3 * every - 1, 3 * every, 3 * every + 4]) {
      expect(await repository.transact(stream, { id: `c${n}`, digest: `d${n}` }, neverCalled)).to.deep.equal({
        revision: n,
        eventTypes: ['Stepped'],
        repeated: true,
      })
      const reused = repository.transact(stream, { id: `c${n}`, digest: 'other' }, neverCalled)
      expect(await reused.catch((error: unknown) => (error as Fault).code)).to.equal('command/key_reused')
    }
    expect(outcomes).to.deep.equal(['read'])
  })

  it('does not take another command for one it remembers because their ids look alike to the index', async () => {
    const stream = freshStream('counter')
    const { repository } = opened()
    const id = eventIdFor('mine', stream, 0)
    const alike = `${id.slice(0, 8)}${randomUUID().slice(8)}`
    await store.append(stream, 'no_stream', [anEvent({ id: alike, type: 'Stepped', data: { by: 1, total: 1 } })])
    expect(await repository.transact(stream, { id: 'mine' }, count)).to.deep.include({ revision: 1, repeated: false })
    expect(await repository.transact(stream, { id: 'mine' }, count)).to.deep.include({ revision: 1, repeated: true })
  })

  const flawed: Record<string, { as: SnapshotOutcome; write: (stream: string) => Promise<unknown> }> = {
    'of another version of the state': {
      as: 'other_schema',
      write: async (stream) => wrong(stream, sealed(snapshotOf(await foldOf(stream), stream, 'counter/0'))),
    },
    'of a newer version of the state': {
      as: 'other_schema',
      write: async (stream) => wrong(stream, sealed(snapshotOf(await foldOf(stream), stream, 'counter/2'))),
    },
    'with a wrong hash': {
      as: 'wrong_hash',
      write: async (stream) =>
        wrong(stream, { ...sealed(snapshotOf(await foldOf(stream), stream, 'counter/1')), state: 999 }),
    },
    'half written': { as: 'unreadable', write: (stream) => wrong(stream, '{"stream":"counter-1","schema":"coun') },
    'with nothing in it': { as: 'unreadable', write: (stream) => wrong(stream, {}) },
    'of another stream': {
      as: 'other_stream',
      write: async (stream) => wrong(stream, sealed(snapshotOf(await foldOf(stream), 'counter-other', 'counter/1'))),
    },
    "beyond the stream's end": {
      as: 'not_of_this_history',
      write: async (stream) => {
        const all = await foldOf(stream)
        all.add({ ...anEvent({ type: 'Stepped', data: { by: 900 } }), stream, revision: all.revision + 1 })
        return wrong(stream, sealed(snapshotOf(all, stream, 'counter/1')))
      },
    },
    'of another history, from before the store was set back': {
      as: 'not_of_this_history',
      write: async (stream) => {
        const all = await foldOf(stream)
        all.lastId = randomUUID()
        all.state = 900
        return wrong(stream, sealed(snapshotOf(all, stream, 'counter/1')))
      },
    },
  }
  for (const [what, { as, write }] of Object.entries(flawed))
    it(`ignores one ${what}, counts it, and decides on the whole truth`, async () => {
      const stream = freshStream('counter')
      await stepsIn(store, stream, 50)
      await write(stream)
      const { repository, outcomes, snapshots } = opened()
      expect(await repository.load(stream)).to.deep.equal({ state: 50, revision: 49 })
      expect(await repository.transact(stream, { id: 'a' }, count)).to.deep.include({ revision: 50, repeated: false })
      await snapshots.settled()
      expect(outcomes).to.deep.equal([as, 'written'])
      const next = opened()
      expect(await next.repository.load(stream)).to.deep.equal({ state: 51, revision: 50 })
      expect(next.outcomes).to.deep.equal(['read'])
    })

  it('finds the one before the last when the last is of another version, as while versions change', async () => {
    const stream = await counted(every)
    await wrong(stream, sealed(snapshotOf(await foldOf(stream), stream, 'counter/2')))
    const { repository, outcomes } = opened()
    expect((await repository.load(stream)).state).to.equal(every)
    expect(outcomes).to.deep.equal(['other_schema', 'read'])
  })

  it('does without them while they cannot be read or written, and never fails or delays a command', async () => {
    const stream = await counted(every)
    const away = new Fault('unavailable', 'event-store/away', 'not this stream')
    const never = new Promise<never>(() => undefined)
    const isSnapshot = (name: string) => name.replace('$$', '').startsWith('snapshot-')
    const unreadable: EventStore = {
      ...store,
      read: (name, options) => (isSnapshot(name) ? Promise.reject(away) : store.read(name, options)),
      append: (name, ...rest) => (isSnapshot(name) ? Promise.reject(away) : store.append(name, ...rest)),
    }
    const failing = opened({ store: unreadable })
    for (let n = 0; n < every; n += 1) await failing.repository.transact(stream, { id: `f${n}` }, count)
    await failing.snapshots.settled()
    expect(failing.outcomes).to.deep.equal(['unreadable', 'failed'])
    const hanging = opened({
      store: { ...store, append: (name, ...rest) => (isSnapshot(name) ? never : store.append(name, ...rest)) },
    })
    for (let n = 0; n < 2 * every; n += 1) await hanging.repository.transact(stream, { id: `h${n}` }, count)
    expect(await opened().repository.load(stream)).to.deep.equal({ state: 4 * every, revision: 4 * every - 1 })
  })

  it('does without one that is larger than the store takes', async () => {
    const stream = freshStream('notes')
    const outcomes: SnapshotOutcome[] = []
    const fold = {
      initial: '',
      evolve: (state: string, event: string) => state + event,
      decode: ({ data }: { data: unknown }) => (data as { text: string }).text,
    }
    const snapshots = createSnapshots({
      store,
      fold,
      schema: 'notes/1',
      every: 4,
      count: (outcome) => outcomes.push(outcome),
      log: silentLog(),
    })
    const one = createRepository({ store, fold, capacity: 10, snapshots, log: silentLog() })
    const data = { text: 'x'.repeat(400_000) }
    for (let n = 0; n < 5; n += 1)
      await one.transact(stream, { id: `${n}` }, () => [{ type: 'Noted', data, metadata: {} }])
    await snapshots.settled()
    expect(outcomes).to.deep.equal(['failed'])
    expect((await one.load(stream)).state.length).to.equal(2_000_000)
  })

  it('goes on from the snapshot when what was before it was truncated, and still knows those commands', async () => {
    const stream = await counted(every)
    const [, ...rest] = await store.read(stream)
    const metadata = { type: '$metadata', data: { $tb: every - 1 } }
    await store.append(`$$${stream}`, 'any', [anEvent(metadata)])
    expect(await store.read(stream)).to.have.length(1)
    expect(rest).to.have.length(every - 1)
    const { repository } = opened()
    expect(await repository.load(stream)).to.deep.equal({ state: every, revision: every - 1 })
    const repeated = await repository.transact(stream, { id: 'c3', digest: 'd3' }, () => expect.fail('decided again'))
    expect(repeated).to.deep.equal({ revision: 3, eventTypes: [], repeated: true })
  })

  it('hands none of them to those who read the whole log', async () => {
    const start = (await store.readLast(await counted(1)))!.position
    const stream = await counted(2 * every)
    expect(await snapshotsOf(stream)).to.have.length(2)
    const end = (await store.readLast(snapshotStreamOf(stream)))!.position
    const read: string[] = []
    for (let after = start; ;) {
      const page = await store.readAll({ after, maxCount: 500 })
      read.push(...page.events.map((event) => event.stream))
      if (page.isLast || page.position === 'start') break
      after = page.position
    }
    const isSnapshot = (name: string) => name.includes('snapshot')
    expect(read.filter((name) => name === stream)).to.have.length(2 * every)
    expect(read.filter(isSnapshot)).to.deep.equal([])
    const subscribed: string[] = []
    const sentinel = freshStream('counter')
    await store.append(sentinel, 'no_stream', [anEvent()])
    expect((await store.readLast(sentinel))!.position > end).to.equal(true)
    for await (const delivery of store.subscribeToAll({ after: start })) {
      if (delivery.kind !== 'event') continue
      subscribed.push(delivery.event.stream)
      if (delivery.event.stream === sentinel) break
    }
    expect(subscribed.filter((name) => name === stream)).to.have.length(2 * every)
    expect(subscribed.filter(isSnapshot)).to.deep.equal([])
  })
})
