import { EventStoreDBClient } from '@eventstore/db-client'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { codeOf, familyOf, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createEventStore, type EventStore } from './event-store.js'
import type { Delivery } from './subscription.js'
import { anEvent, breakable, freshStream } from './testing/index.js'

const label = (delivery: Delivery): string => (delivery.kind === 'event' ? delivery.event.type : delivery.kind)

/** Reads until the condition holds, and gives what was read. */
const until = async (
  source: AsyncIterable<Delivery>,
  isEnough: (delivery: Delivery) => boolean,
): Promise<Delivery[]> => {
  const all: Delivery[] = []
  for await (const delivery of source) {
    all.push(delivery)
    if (isEnough(delivery)) break
  }
  return all
}

describe('a subscription to the log', () => {
  let url: string
  let store: EventStore
  before(() => {
    url = testEventStoreUrl()
    store = createEventStore({ url, log: silentLog() })
  })
  after(() => store.stop())

  const appendTypes = (stream: string, types: string[]) =>
    store.append(
      stream,
      'any',
      types.map((type) => anEvent({ type })),
    )

  it('hands out what was stored, says it has caught up, and goes on live', async () => {
    const stream = freshStream('spec')
    await appendTypes(stream, ['a', 'b'])
    const seen: string[] = []
    for await (const delivery of store.subscribeToAll({ after: 'start', streamPrefixes: [stream] })) {
      if (delivery.kind === 'checkpoint') continue
      seen.push(label(delivery))
      if (delivery.kind === 'caught_up') await appendTypes(stream, ['c', 'd'])
      if (label(delivery) === 'd') break
    }
    expect(seen).to.deep.equal(['a', 'b', 'caught_up', 'c', 'd'])
  })

  it('starts with the next event when asked for the end', async () => {
    const stream = freshStream('spec')
    await appendTypes(stream, ['old'])
    const seen: string[] = []
    for await (const delivery of store.subscribeToAll({ after: 'end', streamPrefixes: [stream] })) {
      seen.push(label(delivery))
      if (delivery.kind === 'caught_up') await appendTypes(stream, ['new'])
      if (delivery.kind === 'event') break
    }
    expect(seen).to.deep.equal(['caught_up', 'new'])
  })

  it('loses and doubles nothing when it is taken up again after any event or checkpoint', async () => {
    const stream = freshStream('spec')
    const streams = [stream, `${stream}-other`]
    for (let round = 0; round < 150; round += 1) {
      await Promise.all(
        streams.map((name) =>
          store.append(name, 'any', [anEvent({ type: `${round}` }), anEvent({ type: `${round}b` })]),
        ),
      )
    }
    const seen: string[] = []
    let after: bigint | 'start' = 'start'
    let checkpoints = 0
    for (let isCaughtUp = false; !isCaughtUp;) {
      let taken = 0
      for await (const delivery of store.subscribeToAll({ after, streamPrefixes: [stream] })) {
        if (delivery.kind === 'caught_up') isCaughtUp = true
        if (delivery.kind === 'checkpoint') {
          expect(after === 'start' || delivery.position >= after).to.equal(true)
          after = delivery.position
          checkpoints += 1
          if (!isCaughtUp && checkpoints % 2 === 0) break
        }
        if (delivery.kind === 'event') {
          seen.push(`${delivery.event.stream} ${delivery.event.revision}`)
          after = delivery.event.position
          taken += 1
        }
        if (isCaughtUp || taken === 97) break
      }
    }
    const expected = (name: string) => Array.from({ length: 300 }, (_, revision) => `${name} ${revision}`)
    for (const name of streams)
      expect(seen.filter((place) => place.startsWith(`${name} `))).to.deep.equal(expected(name))
    expect(checkpoints).to.be.greaterThan(0)
  })

  it('never reports a place beyond an event that it has not handed out yet', async () => {
    const stream = freshStream('spec')
    await Promise.all(
      Array.from({ length: 30 }, () =>
        store.append(
          stream,
          'any',
          Array.from({ length: 20 }, () => anEvent()),
        ),
      ),
    )
    let last = -1n
    let count = 0
    for await (const delivery of store.subscribeToAll({ after: 'start', streamPrefixes: [stream] })) {
      if (delivery.kind === 'caught_up') break
      const position = delivery.kind === 'event' ? delivery.event.position : delivery.position
      if (delivery.kind === 'event') count += 1
      expect(delivery.kind === 'event' ? position > last : position >= last).to.equal(true)
      last = position
    }
    expect(count).to.equal(600)
  })

  it('leaves the events of the system out, a tombstone too', async () => {
    const stream = freshStream('spec')
    const client = EventStoreDBClient.connectionString(url)
    const { position } = await appendTypes(stream, ['first'])
    await client.setStreamMetadata(stream, { maxCount: 5 })
    await client.tombstoneStream(stream)
    await client.dispose()
    await appendTypes(`${stream}-other`, ['last'])
    const isLast = (delivery: Delivery) => label(delivery) === 'last'
    for (const streamPrefixes of [undefined, [stream]]) {
      const seen = await until(store.subscribeToAll({ after: position!, streamPrefixes }), isLast)
      const events = seen.flatMap((delivery) => (delivery.kind === 'event' ? [delivery.event] : []))
      expect(events.filter(({ stream: name }) => name.includes(stream)).map(({ type }) => type)).to.deep.equal(['last'])
      expect(events.filter(({ type }) => type.startsWith('$'))).to.deep.equal([])
    }
  })

  it('ends without an error by its signal, whether it waits or is read', async () => {
    const stream = freshStream('spec')
    await appendTypes(stream, ['a', 'b', 'c'])
    const waiting = new AbortController()
    for await (const delivery of store.subscribeToAll({
      after: 'start',
      streamPrefixes: [stream],
      signal: waiting.signal,
    })) {
      if (delivery.kind === 'caught_up') setImmediate(() => waiting.abort())
    }
    const read = new AbortController()
    const seen: string[] = []
    for await (const delivery of store.subscribeToAll({
      after: 'start',
      streamPrefixes: [stream],
      signal: read.signal,
    })) {
      if (delivery.kind !== 'event') continue
      seen.push(label(delivery))
      read.abort()
    }
    expect(seen).to.deep.equal(['a'])
    expect(await until(store.subscribeToAll({ after: 'start', signal: read.signal }), () => true)).to.deep.equal([])
  })

  it('ends with event-store/away when the connection is lost, and is taken up again where it was', async () => {
    const way = await breakable(url)
    const distant = createEventStore({ url: way.url, log: silentLog() })
    const stream = freshStream('spec')
    await appendTypes(stream, ['a', 'b'])
    const seen: string[] = []
    const faults: string[] = []
    let after: bigint | 'start' = 'start'
    try {
      while (seen.at(-1) !== 'd') {
        try {
          for await (const delivery of distant.subscribeToAll({ after, streamPrefixes: [stream] })) {
            if (delivery.kind === 'event') {
              seen.push(delivery.event.type)
              after = delivery.event.position
              if (delivery.event.type === 'd') break
            }
            if (delivery.kind === 'caught_up' && faults.length === 0) {
              await way.cut()
              await appendTypes(stream, ['c', 'd'])
            }
          }
        } catch (error) {
          faults.push(`${familyOf(error)} ${codeOf(error)}`)
          await way.mend()
        }
      }
    } finally {
      await distant.stop()
      await way.cut()
    }
    expect(seen).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(faults[0]).to.equal('unavailable event-store/away')
  })

  it('ends with event-store/away when the store is stopped', async () => {
    const stopped = createEventStore({ url, log: silentLog() })
    let code = 'none'
    try {
      for await (const delivery of stopped.subscribeToAll({ after: 'end' })) {
        if (delivery.kind === 'caught_up') void stopped.stop()
      }
    } catch (error) {
      code = codeOf(error)
    }
    expect(code).to.equal('event-store/away')
  })
})
