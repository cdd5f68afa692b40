import { EventStoreDBClient, jsonEvent, type StreamSubscription } from '@eventstore/db-client'
import { expect } from 'chai'
import { freshStream, labelOf, testNode } from './testing.js'

/** What a subscriber is told, in order; `until(n)` resolves when it has heard so much. */
const heard = (subscription: StreamSubscription) => {
  const told: string[] = []
  let wake = (): void => undefined
  const hear = (what: string): void => {
    told.push(what)
    wake()
  }
  subscription.on('confirmation', () => hear('confirmation'))
  subscription.on('caughtUp', () => hear('caught up'))
  subscription.on('error', (error) => hear(error.constructor.name))
  subscription.on('data', ({ event }) => {
    if (event) hear(labelOf(event))
  })
  return {
    told,
    until: async (count: number): Promise<string[]> => {
      while (told.length < count) await new Promise<void>((resolve) => (wake = resolve))
      return told
    },
  }
}

describe('an event store node, subscribed to', () => {
  let node: Awaited<ReturnType<typeof testNode>>
  before(async () => {
    node = await testNode()
  })
  after(() => node.stop())

  it('spends no memory on subscribers that do not read, and loses nothing for them', async () => {
    const stream = freshStream('slow')
    const large = 'x'.repeat(50_000)
    for (let batch = 0; batch < 24; batch++)
      await node.client.appendToStream(
        stream,
        Array.from({ length: 20 }, (_, k) => jsonEvent({ type: 'Large', data: { k: String(k), large } })),
      )
    const before = process.memoryUsage().rss
    // A connection for each: HTTP/2 lets what one call leaves unread hold up the others of its connection.
    const clients = Array.from({ length: 20 }, () => EventStoreDBClient.connectionString(node.url))
    const slow = clients.map((client) => client.subscribeToStream(stream).pause() as StreamSubscription)
    const diligent = node.client.subscribeToStream(stream)
    await heard(diligent).until(482) // by now the others would have been read to the end as well
    const grown = (process.memoryUsage().rss - before) / 2 ** 20
    expect(grown, 'MiB, of the 480 MiB they want').to.be.below(200)

    const [one] = slow
    const { told, until } = heard(one!)
    one!.resume()
    while (told.at(-1) !== 'caught up') await until(told.length + 1)
    const revisions = told.filter((what) => what.includes('#')).map((what) => Number(what.split('#')[1]))
    expect(revisions).to.deep.equal(Array.from({ length: 480 }, (_, revision) => revision))
    await Promise.all([...slow, diligent].map((subscription) => subscription.unsubscribe()))
    await Promise.all(clients.map((client) => client.dispose()))
  })
})
