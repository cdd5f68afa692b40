import { testEventStoreUrl } from '@journey/embedded/testing'
import { codeOf, familyOf, malformed, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import type { Aggregate } from './aggregate.js'
import { createEventStore, type EventStore } from './event-store.js'
import { createRepository, type Repository } from './repository.js'
import {
  anEvent,
  count,
  counter,
  counting,
  createMeddler,
  freshStream,
  typesIn,
  type Meddler,
  type Stepped,
} from './testing/index.js'

describe('a stream that cannot be decided on', () => {
  let store: EventStore
  let meddler: Meddler
  before(() => {
    store = createEventStore({ url: testEventStoreUrl(), log: silentLog() })
    meddler = createMeddler(testEventStoreUrl())
  })
  after(async () => {
    await meddler.close()
    await store.stop()
  })

  const repository = (over: { store?: EventStore; fold?: Aggregate<number, Stepped> } = {}): Repository<number> =>
    createRepository({ store, fold: counter, capacity: 10, log: silentLog(), ...over })
  const outcomeOf = (one: Repository<number>, stream: string, id: string): Promise<unknown> =>
    one.transact(stream, { id }, count).then(
      ({ revision }) => revision,
      (error: unknown) => [familyOf(error), codeOf(error), (error as Error).message.includes(stream)],
    )
  const withTwo = async (): Promise<{ stream: string; warm: Repository<number> }> => {
    const stream = freshStream('counter')
    const warm = repository()
    for (const id of ['a', 'b']) await warm.transact(stream, { id }, count)
    return { stream, warm }
  }

  it('because it was soft-deleted says so, keeps the command out, and is decided on once it is back', async () => {
    const { stream } = await withTwo()
    await meddler.softDelete(stream)
    expect(await outcomeOf(repository(), stream, 'c')).to.deep.equal(['malformed', 'stream/soft_deleted', true])
    await meddler.clearMetadata(stream) // makes it exist again, from its end on
    expect(await outcomeOf(repository(), stream, 'c')).to.deep.equal(['malformed', 'stream/soft_deleted', true])
    await meddler.clearMetadata(stream)
    expect(await typesIn(store, stream)).to.deep.equal(['Stepped', 'Stepped'])
    expect(await outcomeOf(repository(), stream, 'c')).to.equal(2)
  })

  it('because it was tombstoned refuses, whether it is remembered or not, and others are decided on', async () => {
    const { stream, warm } = await withTwo()
    await meddler.tombstone(stream)
    for (const one of [warm, warm, repository()])
      expect(await outcomeOf(one, stream, 'c')).to.deep.equal(['refused', 'stream/deleted', true])
    expect(await outcomeOf(warm, freshStream('counter'), 'c')).to.equal(0)
  })

  it('because its beginning was truncated says so, and is decided on once it is back', async () => {
    const stream = freshStream('counter')
    const beginsOnce: Aggregate<number, Stepped> = {
      ...counter,
      evolve: (state, { by, total }) => (state === 0 && total !== by ? state : state + by),
    }
    const fresh = () => repository({ fold: beginsOnce })
    const one = fresh()
    for (const id of ['a', 'b', 'c']) await one.transact(stream, { id }, count)
    await meddler.truncate(stream, 2)
    expect(await outcomeOf(fresh(), stream, 'd')).to.deep.equal(['malformed', 'stream/never_begun', true])
    expect(await outcomeOf(one, stream, 'd')).to.equal(3) // remembered whole
    await meddler.clearMetadata(stream)
    expect(await outcomeOf(fresh(), stream, 'e')).to.equal(4)
  })

  it('because of an event that cannot be read says which, also when it is remembered from before', async () => {
    const { stream, warm } = await withTwo()
    await store.append(stream, 1, [anEvent({ type: 'TooNew' })])
    const old: Aggregate<number, Stepped> = {
      ...counter,
      decode: (recorded) => {
        if (recorded.type === 'TooNew') throw malformed('event/unsupported_version', 'Version 2.0 is not known here')
        return counter.decode(recorded)
      },
    }
    const [cold, remembering] = [repository({ fold: old }), repository({ fold: old })]
    for (let again = 0; again < 2; again += 1) {
      for (const one of [cold, remembering])
        expect(await outcomeOf(one, stream, 'c')).to.deep.equal(['malformed', 'event/unsupported_version', true])
    }
    expect(await outcomeOf(warm, stream, 'c')).to.equal(3) // a version that knows the event
    expect(await outcomeOf(repository(), stream, 'c')).to.equal(3)
  })

  it('is not what an append too large leaves behind: the next command is decided on what is remembered', async () => {
    const { stream } = await withTwo()
    const counted = counting(store)
    const one = repository({ store: counted })
    await one.load(stream)
    const before = counted.reads.length
    const tooMuch = () => [{ type: 'Stepped', data: { by: 1, text: 'x'.repeat(2_000_000) }, metadata: {} }]
    const refused = await one.transact(stream, { id: 'large' }, tooMuch).catch((error: unknown) => error)
    expect([familyOf(refused), codeOf(refused)]).to.deep.equal(['malformed', 'event-store/append_too_large'])
    expect(await outcomeOf(one, stream, 'large')).to.equal(2)
    expect(counted.reads.length).to.equal(before)
  })
})
