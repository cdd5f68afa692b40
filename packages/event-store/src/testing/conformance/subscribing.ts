import {
  END,
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  START,
  streamNameFilter,
  type AllStreamSubscription,
  type StreamSubscription,
} from '@eventstore/db-client'
import { expect } from 'chai'
import { anEvent, events, freshStream, labelOf, type Given } from './given.js'
import { listen } from './listening.js'

/** Catch-up subscriptions, filters and checkpoints (esdb-protocol.md, 5). */
export const subscribing = ({ client }: Given): void => {
  const heard = (
    subscription: StreamSubscription | AllStreamSubscription,
    only: (stream: string) => boolean = () => true,
  ) => listen(subscription, (event) => (only(event.streamId) ? labelOf(event) : undefined))
  const write = (stream: string, ...ks: string[]) => client().appendToStream(stream, events(...ks))

  describe('for one stream', () => {
    it('tells what there is, that this was all, and what is written then', async () => {
      const stream = freshStream()
      await write(stream, 'a', 'b')
      const subscription = client().subscribeToStream(stream)
      const { until } = heard(subscription)
      await until(4)
      await write(stream, 'c')
      await write(stream, 'd')
      expect(await until(6)).to.deep.equal(['confirmation', 'a#0', 'b#1', 'caught up', 'c#2', 'd#3'])
      await subscription.unsubscribe()
    })

    it('begins after the revision named, or with what comes next', async () => {
      const stream = freshStream()
      await write(stream, 'a', 'b')
      const [after, next] = [{ fromRevision: 0n }, { fromRevision: END } as const].map((options) =>
        client().subscribeToStream(stream, options),
      )
      const [afterA, fromEnd] = [heard(after!), heard(next!)]
      await Promise.all([afterA.until(3), fromEnd.until(2)])
      await write(stream, 'c')
      expect(await afterA.until(4)).to.deep.equal(['confirmation', 'b#1', 'caught up', 'c#2'])
      expect(await fromEnd.until(3)).to.deep.equal(['confirmation', 'caught up', 'c#2'])
      await Promise.all([after!.unsubscribe(), next!.unsubscribe()])
    })

    it('waits for a stream that is not there yet', async () => {
      const stream = freshStream()
      const subscription = client().subscribeToStream(stream)
      const { until } = heard(subscription)
      expect(await until(2)).to.deep.equal(['confirmation', 'caught up'])
      await write(stream, 'a')
      expect(await until(3)).to.deep.equal(['confirmation', 'caught up', 'a#0'])
      await subscription.unsubscribe()
    })

    it('goes on through a soft delete, and ends with a tombstone', async () => {
      const stream = freshStream()
      await write(stream, 'a')
      const { until } = heard(client().subscribeToStream(stream))
      await until(3)
      await client().deleteStream(stream)
      await write(stream, 'b')
      await until(4)
      await client().tombstoneStream(stream)
      expect(await until(6)).to.deep.equal([
        'confirmation',
        'a#0',
        'caught up',
        'b#1',
        '$streamDeleted#9223372036854775807',
        'StreamDeletedError',
      ])
      expect(await heard(client().subscribeToStream(stream)).until(1)).to.deep.equal(['StreamDeletedError'])
    })

    it('loses and repeats nothing where catching up meets what is being written', async () => {
      const stream = freshStream()
      const ks = (count: number) => Array.from({ length: count }, (_, k) => String(k))
      for (let batch = 0; batch < 10; batch++) await write(stream, ...ks(100))
      const writing = (async () => {
        for (let k = 0; k < 500; k++) await write(stream, 'live')
      })()
      const subscriptions = Array.from({ length: 4 }, () => client().subscribeToStream(stream))
      const all = subscriptions.map((subscription) => heard(subscription))
      await writing
      for (const { until } of all) {
        const told = await until(1_502)
        const revisions = told.filter((what) => what.includes('#')).map((what) => Number(what.split('#')[1]))
        expect(revisions).to.deep.equal(Array.from({ length: 1_500 }, (_, revision) => revision))
      }
      await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()))
    })
  })

  describe('for everything', () => {
    it('tells each commit in order, after the position named', async () => {
      const [a, b] = [freshStream('a'), freshStream('b')]
      const { position } = await write(a, 'before')
      const subscription = client().subscribeToAll({ fromPosition: position! })
      const { until } = heard(subscription)
      await until(2)
      await write(a, 'one')
      await write(b, 'two')
      await client().deleteStream(b)
      expect(await until(5)).to.deep.equal(['confirmation', 'caught up', 'one#1', 'two#0', '$metadata#0'])
      await subscription.unsubscribe()
    })

    it('tells from the start, and from the end', async () => {
      const stream = freshStream()
      await write(stream, 'old')
      const ours = (name: string) => name === stream
      const subscriptions = ([START, END] as const).map((fromPosition) => client().subscribeToAll({ fromPosition }))
      const [fromStart, fromEnd] = subscriptions.map((subscription) => heard(subscription, ours))
      await Promise.all([fromStart!.until(3), fromEnd!.until(2)])
      await write(stream, 'new')
      expect(await fromStart!.until(4)).to.deep.equal(['confirmation', 'old#0', 'caught up', 'new#1'])
      expect(await fromEnd!.until(3)).to.deep.equal(['confirmation', 'caught up', 'new#1'])
      await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()))
    })

    it('can leave out system events, or all but some streams or types', async () => {
      const stream = freshStream('filtered')
      const { position } = await write(freshStream(), 'before')
      const filters = {
        users: excludeSystemEvents(),
        prefix: streamNameFilter({ prefixes: [stream] }),
        regex: eventTypeFilter({ regex: '^Other$' }),
      }
      const subscribe = (filter: (typeof filters)[keyof typeof filters]) =>
        client().subscribeToAll({ fromPosition: position!, filter })
      const subscriptions = [subscribe(filters.users), subscribe(filters.prefix), subscribe(filters.regex)]
      const [users, prefix, regex] = subscriptions.map((subscription) => heard(subscription))
      await Promise.all([users!.until(2), prefix!.until(2), regex!.until(2)])
      await write(stream, 'a')
      await client().setStreamMetadata(stream, {})
      await client().appendToStream(freshStream(), jsonEvent({ type: 'Other', data: { k: 'o' } }))
      expect((await users!.until(4)).slice(2)).to.deep.equal(['a#0', 'o#0'])
      expect((await prefix!.until(3)).slice(2)).to.deep.equal(['a#0'])
      expect((await regex!.until(3)).slice(2)).to.deep.equal(['o#0'])
      await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()))
    })

    it('says how far it has looked every so many events, whether they matched or not', async () => {
      const { position } = await write(freshStream(), 'before')
      const stream = freshStream('hit')
      const checkpoints: bigint[] = []
      const subscription = client().subscribeToAll({
        fromPosition: position!,
        filter: streamNameFilter({
          prefixes: [stream],
          checkpointInterval: 2,
          checkpointReached: (_, { commit }) => {
            checkpoints.push(commit)
          },
        }),
      })
      const { until } = heard(subscription)
      await until(2)
      const written: bigint[] = []
      for (let k = 0; k < 130; k++) written.push((await write(freshStream('miss'), String(k))).position!.commit)
      await write(stream, 'hit')
      await until(3)
      expect(checkpoints).to.deep.equal([written[63], written[127]])
      await subscription.unsubscribe()
    })
  })

  it('takes many subscribers at once', async () => {
    const stream = freshStream()
    const subscriptions = Array.from({ length: 50 }, () => client().subscribeToStream(stream))
    const all = subscriptions.map((subscription) => heard(subscription))
    await Promise.all(all.map(({ until }) => until(2)))
    await client().appendToStream(stream, anEvent('a'))
    for (const { until } of all) expect((await until(3)).at(-1)).to.equal('a#0')
    await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()))
  })
}
