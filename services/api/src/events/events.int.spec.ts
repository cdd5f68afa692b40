import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { receivedType, type BusEvent, type Recorded } from '@journey/contracts'
import { knowledgeShared } from '@journey/contracts/testing'
import { testEventStoreUrl } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { eventually } from '@journey/messaging/testing'
import { notePosition } from '@journey/read-model'
import { actions, logOf, type Move } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import { withHouse, type House } from '../testing/house.js'
import { createFeed } from './feed.js'

const histories = (prefix: string, count: number): Recorded[] =>
  logOf(
    Array.from({ length: count }, (_, n): Move => ({
      client: n % 3,
      action: actions[(n * 31) % actions.length]!,
      pick: n % 17,
    })),
    prefix,
  )

const append = async (
  store: EventStore,
  { id, event, stream, revision, at }: Recorded,
  more: object = {},
): Promise<void> => {
  const metadata = { $correlationId: id, $causationId: id, version: '1.0', timestamp: at, source: 'spec', actor: {} }
  const expected = revision === 0 ? 'no_stream' : revision - 1
  await store.append(stream, expected, [{ id, type: event.type, data: { ...event.data, ...more }, metadata }])
}

/** Notes, as the relay does, that nothing of this time or later is stored yet: so that no spec reads what all the others have stored. */
const noteWhereTheLogIs = async ({ store, db }: Pick<House, 'store' | 'db'>, time: number) => {
  const end = await store.end()
  if (end !== 'start') await notePosition(db, end, new Date(time - 3_600_000).toISOString())
}

/** Stores histories, a second apart, in years of their own: later with each call. Where they begin is noted. */
const storeHistories = async ({ store, db }: Pick<House, 'store' | 'db'>, count: number) => {
  const day = Date.UTC(2100, 0, 1) + (Date.now() % 1e8) * 1e6
  await noteWhereTheLogIs({ store, db }, day)
  const prefix = `spec-${randomUUID()}`
  const log = histories(prefix, count).map((event, n) => ({ ...event, at: new Date(day + n * 1_000).toISOString() }))
  for (const event of log) await append(store, event)
  return { log, at: (n: number) => new Date(day + n * 1_000).toISOString() }
}

/** Records an event of others, at a time that no other spec shares. */
const appendOfOthers = async ({ store, db }: Pick<House, 'store' | 'db'>) => {
  const time = Date.UTC(2200, 0, 1) + (Date.now() % 1e8) * 1e6
  await noteWhereTheLogIs({ store, db }, time)
  const event = { ...knowledgeShared({ event_id: randomUUID() }), timestamp: new Date(time).toISOString() }
  const { event_id: id, timestamp, source, metadata } = event
  const ids = { $correlationId: metadata.correlation_id, $causationId: id }
  await store.append('received-knowledge', 'any', [
    { id, type: receivedType, data: event, metadata: { ...ids, version: '1.0', timestamp, source } },
  ])
  return event
}

type Page = { items: BusEvent[]; next_cursor: string | null; last_cursor: string | null }

const all = async (app: FastifyInstance, query: string): Promise<{ items: BusEvent[]; pages: Page[] }> => {
  const pages: Page[] = []
  do {
    const cursor = pages.at(-1)?.next_cursor
    const answer = await app.inject(`/api/v1/events?${query}${cursor ? `&cursor=${cursor}` : ''}`)
    expect(answer.statusCode, answer.body).to.equal(200)
    pages.push(answer.json<Page>())
  } while (pages.at(-1)!.next_cursor !== null)
  return { items: pages.flatMap(({ items }) => items), pages }
}

const ids = (events: readonly BusEvent[]) => events.map(({ event_id }) => event_id)

describe('stored events over HTTP', () => {
  it('come whole, in the order of the log, from a time on, page by page', () =>
    withHouse(async ({ app, store, db }) => {
      const { log, at } = await storeHistories({ store, db }, 150)
      const { items, pages } = await all(app, `from=${at(10)}&limit=20`)
      expect(ids(items)).to.deep.equal(log.slice(10).map(({ id }) => id))
      expect(pages.length).to.be.greaterThan(2)
      expect(items[0]).to.deep.include({ event_version: '1.0', source: 'spec', timestamp: at(10) })
      expect(items[0]!.metadata).to.include({ stream: log[10]!.stream, revision: log[10]!.revision })

      const { position } = items[4]!.metadata
      const behind = await all(app, `from=${position}&limit=500`)
      const ours = new Set(log.map(({ id }) => id))
      expect(ids(behind.items).filter((id) => ours.has(id))).to.deep.equal(ids(items.slice(5)))
    }))

  it('are filtered by type, family and client', () =>
    withHouse(async ({ app, store, db }) => {
      const { log, at } = await storeHistories({ store, db }, 100)
      const client = log.find(({ event }) => event.type === 'JourneyStarted')!.event.data as { client_id: string }
      const typed = await all(app, `from=${at(0)}&type=journey.started`)
      expect(ids(typed.items)).to.deep.equal(
        log.filter(({ event }) => event.type === 'JourneyStarted').map(({ id }) => id),
      )
      const family = await all(app, `from=${at(0)}&type=task.*`)
      expect(family.items.length).to.be.greaterThan(0)
      for (const { event_type } of family.items) expect(event_type).to.match(/^task\./)
      const theirs = await all(app, `from=${at(0)}&client_id=${client.client_id}`)
      const isTheirs = ({ event }: Recorded) => (event.data as { client_id?: string }).client_id === client.client_id
      expect(ids(theirs.items)).to.deep.equal(log.filter(isTheirs).map(({ id }) => id))
    }))

  it('show those of others as they were published, with where they stand', () =>
    withHouse(async (house) => {
      const { app } = house
      const event = await appendOfOthers(house)
      const found = (await all(app, `from=${event.timestamp}&type=knowledge.*`)).items
      expect(found.filter(({ event_id }) => event_id === event.event_id)).to.have.length(1)
      const shown = found.find(({ event_id }) => event_id === event.event_id)!
      expect(shown).to.deep.include({ event_type: event.event_type, source: event.source, data: event.data })
      expect(shown.metadata).to.include({ ...event.metadata, stream: 'received-knowledge' })
      const others = (await all(app, `from=${event.timestamp}&type=agent.*`)).items
      expect(ids(others)).not.to.include(event.event_id)
    }))

  it('show no token of an attempt', () =>
    withHouse(async ({ app, store, db }) => {
      const { log, at } = await storeHistories({ store, db }, 100)
      expect(JSON.stringify(log)).to.include('"token"')
      expect(JSON.stringify((await all(app, `from=${at(0)}`)).items)).not.to.include('"token"')
    }))

  it('go on later behind the last one looked at', () =>
    withHouse(async ({ app, store, db }) => {
      const { at } = await storeHistories({ store, db }, 20)
      const { pages } = await all(app, `from=${at(0)}`)
      const more = await storeHistories({ store, db }, 5)
      const answer = await app.inject(`/api/v1/events?cursor=${pages.at(-1)!.last_cursor}&limit=500`)
      expect(ids(answer.json<Page>().items)).to.include.members(more.log.map(({ id }) => id))
    }))

  it('are refused for a filter that means nothing', () =>
    withHouse(async ({ app }) => {
      for (const query of ['type=journey.nothing', 'from=yesterday', 'from=-1', 'cursor=x', 'stream=x'])
        expect([query, (await app.inject(`/api/v1/events?${query}`)).statusCode]).to.deep.equal([query, 422])
      expect((await app.inject('/api/v1/events/live?type=nothing')).statusCode).to.equal(422)
    }))
})

type Heard = { id: string; type: string; event: BusEvent }

/** A reader of the feed, as browsers are: it knows the last id, and whether the server said good-bye. */
const listen = async (app: FastifyInstance, lastEventId?: string, query = '') => {
  const { port } = app.server.address() as AddressInfo
  const leaving = new AbortController()
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/events/live${query}`, {
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    signal: leaving.signal,
  })
  expect(response.status).to.equal(200)
  expect(response.headers.get('content-type')).to.equal('text/event-stream')
  const heard: Heard[] = []
  const state = { lastId: lastEventId, comments: [] as string[], isOver: false }
  const take = (block: string): void => {
    const fields = block
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
    const of = (name: string) => fields.find(([field]) => field === name)?.[1]
    if (of('')) state.comments.push(of('')!)
    if (of('id')) state.lastId = of('id')!
    if (of('data')) heard.push({ id: of('id')!, type: of('event')!, event: JSON.parse(of('data')!) as BusEvent })
  }
  const reading = (async () => {
    let text = ''
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + chunk).split('\n\n')
        text = blocks.pop()!
        blocks.forEach(take)
      }
    } catch {
      // left in mid-stream
    }
    state.isOver = true
  })()
  await eventually('the greeting', () => state.lastId !== undefined && state.comments.length > 0)
  return {
    heard,
    state,
    leave: async () => {
      leaving.abort()
      await reading
    },
  }
}

const served = (use: (house: House) => Promise<void>): Promise<void> =>
  withHouse(async (house) => {
    await house.app.listen({ host: '127.0.0.1', port: 0 })
    await use(house)
  })

describe('the live feed', () => {
  it('brings each event with its position and type, as it goes over the bus, to those who want it', () =>
    served(async ({ app, store, db }) => {
      const [everything, some] = [await listen(app), await listen(app, undefined, '?type=journey.*')]
      const { log } = await storeHistories({ store, db }, 60)
      const ours = ({ heard }: typeof everything) =>
        heard.filter(({ event }) => log.some(({ id }) => id === event.event_id))
      await eventually('all events', () => ours(everything).length === log.length)
      expect(ours(everything).map(({ event }) => event.event_id)).to.deep.equal(log.map(({ id }) => id))
      for (const { id, type, event } of everything.heard)
        expect([id, type]).to.deep.equal([event.metadata.position, event.event_type])
      const wanted = ours(everything).filter(({ type }) => type.startsWith('journey.'))
      await eventually('those of journeys', () => ours(some).length === wanted.length)
      expect(ours(some)).to.deep.equal(wanted)
      await Promise.all([everything.leave(), some.leave()])
    }))

  it('brings events of others, too, under the types that they gave them', () =>
    served(async (house) => {
      const reader = await listen(house.app, undefined, '?type=knowledge.*')
      const event = await appendOfOthers(house)
      const ours = () => reader.heard.filter(({ event: { event_id } }) => event_id === event.event_id)
      await eventually('the event', () => ours().length > 0)
      expect(ours()).to.have.length(1)
      expect(ours()[0]).to.deep.include({ type: event.event_type, id: ours()[0]!.event.metadata.position })
      expect(ours()[0]!.event.data).to.deep.equal(event.data)
      await reader.leave()
    }))

  it('loses and repeats nothing for a reader that is cut off again and again under load', () =>
    served(async ({ app, store }) => {
      const log = histories(`spec-${randomUUID()}`, 300)
      const meant = new Set(log.map(({ id }) => id))
      const greeting = await listen(app)
      await greeting.leave()
      let lastId = greeting.state.lastId
      const heard: Heard[] = []
      const writing = (async () => {
        for (const event of log) await append(store, event)
      })()
      const ours = () => heard.filter(({ event }) => meant.has(event.event_id))
      for (let cuts = 0; ours().length < log.length; cuts++) {
        expect(cuts).to.be.lessThan(500)
        const reader = await listen(app, lastId)
        const wanted = 1 + ((cuts * 37) % 60)
        await eventually(
          'some more',
          () => reader.heard.length >= wanted || ours().length + reader.heard.length >= log.length,
        )
        await reader.leave()
        heard.push(...reader.heard)
        lastId = reader.state.lastId
      }
      await writing
      expect(ours().map(({ event }) => event.event_id)).to.deep.equal(log.map(({ id }) => id))
      expect(new Set(heard.map(({ id }) => id)).size).to.equal(heard.length)
    }))

  it('says that nothing has happened, and where the log is, so that a filter costs no second look', () =>
    served(async ({ app, store, db }) => {
      const reader = await listen(app, undefined, '?type=agent.updated')
      const before = reader.state.lastId
      await storeHistories({ store, db }, 20)
      await eventually('a later place', () => BigInt(reader.state.lastId!) > BigInt(before!))
      expect(reader.heard.filter(({ type }) => type !== 'agent.updated')).to.deep.equal([])
      await reader.leave()
    }))

  it('lets a reader go that takes nothing, which may come back and misses nothing', () =>
    served(async ({ app, store }) => {
      const greeting = await listen(app)
      await greeting.leave()
      const { port } = app.server.address() as AddressInfo
      const socket = connect(port, '127.0.0.1')
      socket.pause()
      socket.write('GET /api/v1/events/live HTTP/1.1\r\nhost: localhost\r\n\r\n')
      const gone = once(socket, 'close')
      const log = histories(`spec-${randomUUID()}`, 60).slice(0, 40)
      for (const event of log) await append(store, event, { padding: 'x'.repeat(500_000) })
      let received = ''
      await eventually(
        'the end of the connection at the server',
        () => connectionsOf(app).then((count) => count === 0),
        20_000,
      )
      socket.on('data', (chunk: Buffer) => (received += chunk.toString())).on('error', () => undefined)
      socket.resume()
      await gone
      expect(received.length).to.be.lessThan(40 * 500_000)
      const reader = await listen(app, greeting.state.lastId)
      await eventually(
        'everything',
        () => reader.heard.filter(({ event }) => log.some(({ id }) => id === event.event_id)).length === log.length,
        20_000,
      )
      await reader.leave()
    }))

  it('tells a reader that it lets go how to come back', () =>
    served(async ({ app, store }) => {
      const { port } = app.server.address() as AddressInfo
      const answering = once(app.server, 'request') as Promise<[unknown, ServerResponse]>
      const socket = connect(port, '127.0.0.1')
      socket.pause()
      socket.write('GET /api/v1/events/live HTTP/1.1\r\nhost: localhost\r\n\r\n')
      const [, answer] = await answering
      await eventually('the greeting', () => answer.headersSent)
      const log = histories(`spec-${randomUUID()}`, 40)
      for (const event of log) await append(store, event, { padding: 'x'.repeat(500_000) })
      await eventually('the last word', () => answer.writableEnded, 20_000)
      let received = ''
      socket.on('data', (chunk: Buffer) => (received += chunk.toString())).resume()
      await once(socket, 'close')
      expect(received).to.match(/: too slow: come back with Last-Event-ID\n\n(\r\n0\r\n\r\n)?$/)
    }))

  it('ends for everyone when the server stops, with a word', () =>
    served(async ({ app }) => {
      const readers = [await listen(app), await listen(app)]
      const began = Date.now()
      await app.close()
      expect(Date.now() - began).to.be.lessThan(5_000)
      await eventually('the end', () => readers.every(({ state }) => state.isOver))
      for (const { state } of readers) expect(state.comments.at(-1)).to.equal('the server stops')
    }))
})

const connectionsOf = (app: FastifyInstance): Promise<number> =>
  new Promise((resolve, reject) =>
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )

describe('the feed', () => {
  it('follows the log once, however many follow it, and not at all for nobody', async () => {
    const store = createEventStore({ url: testEventStoreUrl(), log: silentLog() })
    const open = { now: 0, ever: 0 }
    const counted: EventStore = {
      ...store,
      subscribeToAll: async function* (options) {
        open.now++
        open.ever++
        try {
          yield* store.subscribeToAll(options)
        } finally {
          open.now--
        }
      },
    }
    const feed = createFeed({ store: counted, log: silentLog(), beatMs: 100 })
    const leaving = new AbortController()
    const counts = await Promise.all(
      Array.from({ length: 20 }, async () => {
        let parts = 0
        for await (const _ of feed.follow({ after: undefined, signal: leaving.signal }))
          if (++parts === 5) {
            await eventually('everyone', () => feed.followers === 20 || leaving.signal.aborted)
            leaving.abort()
          }
        return parts
      }),
    )
    expect(counts.every((parts) => parts > 0)).to.equal(true)
    expect(open.ever).to.equal(1)
    await eventually('the end of the subscription', () => open.now === 0 && feed.followers === 0)
    await store.stop()
  })
})
