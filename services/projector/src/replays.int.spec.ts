import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { exchanges, fromStored, type Stored } from '@journey/contracts'
import { testEventStore, testVhost } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import {
  createDatabase,
  moveReplay,
  relayProofs,
  replayOf,
  requestReplay,
  type NewReplay,
  type ReplayRow,
} from '@journey/read-model'
import { actions, actualRows, expectedRows, logOf, testReadModel, type Move } from '@journey/read-model/testing'
import { readSettings, silentLog, type Environment } from '@journey/runtime'
import { sql } from 'kysely'
import { build } from './container.js'
import { Settings } from './settings.js'
import { publicationOf } from './testing/events.js'

const main = fileURLToPath(new URL('main.js', import.meta.url))

const moves = Array.from({ length: 400 }, (_, n): Move => ({
  client: n % 3,
  action: actions[(n * 31) % actions.length]!,
  pick: n % 17,
}))

/** Stores histories, a second apart, and gives them in the order of the log. */
const storeHistories = async (store: EventStore, at: (n: number) => string): Promise<Stored[]> => {
  const log = logOf(moves, `spec-${randomUUID()}`)
  for (const [n, { id, event, stream, revision, source, correlationId, causationId, actor }] of log.entries()) {
    const ids = { $correlationId: correlationId, $causationId: causationId }
    await store.append(stream, revision === 0 ? 'no_stream' : revision - 1, [
      { id, type: event.type, data: event.data, metadata: { ...ids, version: '1.0', timestamp: at(n), source, actor } },
    ])
  }
  const streams = [...new Set(log.map(({ stream }) => stream))]
  const stored = (await Promise.all(streams.map((stream) => store.read(stream)))).flat()
  return stored.sort((a, b) => (a.position < b.position ? -1 : 1))
}

const setup = async () => {
  const [own, vhost, events] = await Promise.all([testReadModel(), testVhost(), testEventStore()])
  const broker = await openTestBroker(vhost.url)
  const store = createEventStore({ url: events.url, log: silentLog() })
  const database = createDatabase({ url: own.url, name: 'spec', log: silentLog() })
  const { db } = database
  const day = Date.UTC(2100, 0, 1)
  const at = (n: number) => new Date(day + n * 1_000).toISOString()
  const log = await storeHistories(store, at)
  const env: Environment = {
    PATH: process.env.PATH,
    DATABASE_URL: own.url,
    RABBITMQ_URL: vhost.url,
    EVENT_STORE_URL: events.url,
    JOURNEY_HEALTH_PORT: '0',
    LOG_LEVEL: 'silent',
  }
  const running: { stop(): Promise<void> }[] = []
  const children: ChildProcess[] = []
  const expected = expectedRows(log.flatMap((one) => fromStored(one) ?? []))
  const actual = () => actualRows(db)
  const proofs = await relayProofs(db)()
  const publish = async (events: readonly Stored[]) => {
    for (const event of events) {
      const { key, body, properties } = publicationOf(event, proofs)
      await broker.publish(exchanges.events.name, key, body, properties)
    }
  }
  const request = (over: Partial<NewReplay> = {}): Promise<ReplayRow> =>
    requestReplay(db, {
      id: randomUUID(),
      consumer: 'projector',
      mode: 'rebuild',
      from: at(0),
      to: undefined,
      filter: undefined,
      dryRun: false,
      requestedBy: { type: 'user', id: 'dana' },
      ...over,
    })
  const until = (id: string, is: (row: ReplayRow) => boolean) =>
    eventually(
      `replay ${id}`,
      async () => {
        const row = await replayOf(db, id)
        return row && is(row) && row
      },
      60_000,
    )
  const schemas = async () =>
    (await sql<{ nspname: string }>`select nspname from pg_namespace where nspname like 'rebuild%'`.execute(db)).rows
  return {
    ...{ db, broker, at, log, expected, actual, publish, request, until, schemas },
    mustEqual: async () => expect(await actual()).to.deep.equal(expected),
    hasAll: () =>
      eventually(
        'all rows',
        async () => (await actual()).journey_events.length === expected.journey_events.length,
        30_000,
      ),
    start: async () => {
      const { service } = build(readSettings(Settings, env))
      running.push(service)
      await service.start()
      return service
    },
    /** The service as a process, to be killed. */
    spawn: () => {
      const child = spawn(process.execPath, [main], { env, stdio: 'ignore' })
      children.push(child)
      return child
    },
    stop: async () => {
      for (const child of children)
        if (child.exitCode === null && child.signalCode === null) {
          child.kill('SIGKILL')
          await once(child, 'exit')
        }
      for (const service of running) await service.stop()
      await broker.close()
      await store.stop()
      await database.stop()
      await Promise.all([own.drop(), vhost.drop(), events.stop()])
    },
  }
}

type House = Awaited<ReturnType<typeof setup>>

const withHouse = async (use: (house: House) => Promise<void>): Promise<void> => {
  const house = await setup()
  try {
    await use(house)
  } finally {
    await house.stop()
  }
}

/** Everything that hangs on the tables others read, by name. */
const structureOf = async ({ db }: House) => {
  const { rows } = await sql<{ line: string }>`
    select format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid)) || conname as line
    from pg_constraint where connamespace = 'public'::regnamespace
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select format('%s %s %s', relname, reloptions, relacl) from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r'
    union all select format('%s.%s %s %s %s', table_name, column_name, ordinal_position, data_type, column_default)
      from information_schema.columns where table_schema = 'public'
    order by 1`.execute(db)
  return rows.map(({ line }) => line)
}

const spoil = async ({ db }: House): Promise<void> => {
  await sql`update journey_states set current_stage = 'nowhere', revision = 0`.execute(db)
  await sql`delete from stage_transitions`.execute(db)
  await sql`update unit_of_works set tasks = '[]'`.execute(db)
}

describe('a rebuild', function () {
  this.timeout(120_000)

  it('makes the tables as the streams tell, while events flow, and leaves nothing behind', () =>
    withHouse(async (house) => {
      const { db, log, publish, start, request, until, hasAll, mustEqual, schemas } = house
      await sql`grant select on journey_states to public`.execute(db)
      const structure = await structureOf(house)
      await start()
      const half = Math.floor(log.length / 2)
      await publish(log.slice(0, half))
      await eventually('some rows', async () => (await house.actual()).journey_events.length >= half / 2)
      await spoil(house)
      const { id } = await request()
      await publish(log.slice(half))
      const ended = await until(id, ({ state }) => state !== 'running')
      expect(ended).to.include({ state: 'completed', error: null })
      expect(ended.done).to.be.at.least(half)
      await hasAll()
      await mustEqual()
      expect(await schemas()).to.deep.equal([])
      expect(await structureOf(house)).to.deep.equal(structure)
    }))

  it('brings what the live tables have to the last event, though nobody publishes it again', () =>
    withHouse(async (house) => {
      const { db, log, publish, start, request, until, hasAll, mustEqual } = house
      await start()
      const { id } = await request()
      await publish(log) // some before the log was read, some after, some in the moment of the swap
      await until(id, ({ state }) => state === 'completed')
      await hasAll()
      await mustEqual()
      const gates = await db.selectFrom('projection_gates').selectAll().execute()
      const last = new Map(log.map(({ stream, revision }) => [stream, revision]))
      for (const { stream, revision } of gates) expect(revision).to.equal(last.get(stream))
    }))

  it('goes on after kill -9 of the projector, and nobody ever reads a half-built table', () =>
    withHouse(async (house) => {
      const { db, log, publish, start, spawn, request, until, hasAll, mustEqual, schemas } = house
      const before = await start()
      await publish(log)
      await hasAll()
      await before.stop()
      const first = spawn()
      let [least, reads] = [Infinity, 0]
      const reading = new AbortController()
      const reader = (async () => {
        while (!reading.signal.aborted) {
          least = Math.min(least, (await house.actual()).journey_events.length)
          reads++
        }
      })()
      const { id } = await db.transaction().execute(async (transaction) => {
        // As someone who applies would: the swap cannot come to pass while this lasts.
        await sql`lock table projection_gates in row exclusive mode`.execute(transaction)
        const replay = await request()
        await until(replay.id, ({ done, total }) => total !== null && done >= log.length)
        first.kill('SIGKILL')
        await once(first, 'exit')
        return replay
      })
      expect((await replayOf(db, id))?.state).to.equal('running')
      expect(await schemas()).to.have.length(1)
      spawn()
      await until(id, ({ state }) => state === 'completed')
      reading.abort()
      await reader
      expect(reads).to.be.greaterThan(1)
      expect(least).to.equal(house.expected.journey_events.length)
      await mustEqual()
      expect(await schemas()).to.deep.equal([])
    }))

  it('leaves the live tables as they are when it is cancelled', () =>
    withHouse(async (house) => {
      const { db, log, publish, start, request, until, hasAll, mustEqual, schemas } = house
      await start()
      await publish(log)
      await hasAll()
      await db.transaction().execute(async (transaction) => {
        await sql`lock table projection_gates in row exclusive mode`.execute(transaction)
        const { id } = await request()
        await until(id, ({ done }) => done > 0)
        await moveReplay(db, id, 'pause')
        await moveReplay(db, id, 'cancel')
        await until(id, ({ ended_at }) => ended_at !== null)
      })
      expect(await schemas()).to.deep.equal([])
      await mustEqual()
    }))

  it('only tells how much there is in a dry run', () =>
    withHouse(async ({ log, publish, start, request, until, hasAll, schemas }) => {
      await start()
      await publish(log)
      await hasAll()
      const { id } = await request({ dryRun: true })
      expect(await until(id, ({ state }) => state === 'completed')).to.include({ done: 0, total: log.length })
      expect(await schemas()).to.deep.equal([])
    }))
})

describe('reprocessing', function () {
  this.timeout(120_000)

  it('makes the streams with events in the window anew, from their first event on, and touches no other', () =>
    withHouse(async (house) => {
      const { log, at, publish, start, request, until, hasAll, expected, actual } = house
      await start()
      await publish(log)
      await hasAll()
      await spoil(house)
      const spoiled = await actual()
      const from = log.length - 12
      const { id } = await request({ mode: 'reprocess', from: at(from), to: at(log.length) })
      const since = new Set(log.slice(from).map(({ stream }) => stream))
      const ended = await until(id, ({ state }) => state !== 'running')
      expect(ended).to.include({ state: 'completed', done: since.size, total: since.size })
      const clients = new Set([...since].flatMap((stream) => /^journey-(.*)$/.exec(stream)?.[1] ?? []))
      const works = new Set([...since].flatMap((stream) => /^unit_of_work-(.*)$/.exec(stream)?.[1] ?? []))
      expect(works.size, 'the window touches some units of work').to.be.greaterThan(0)
      const rows = await actual()
      const ofClient = (text: string) => clients.has((JSON.parse(text) as { client_id: string }).client_id)
      const ofWork = (text: string) => works.has((JSON.parse(text) as { work_id: string }).work_id)
      for (const [table, isMended] of [
        ['journey_states', ofClient],
        ['stage_transitions', ofClient],
        ['unit_of_works', ofWork],
      ] as const) {
        const mended = expected[table].filter(isMended)
        const untouched = spoiled[table].filter((text) => !isMended(text))
        expect(rows[table], table).to.deep.equal([...mended, ...untouched].sort())
      }
      expect(rows.journey_events).to.deep.equal(expected.journey_events)
      expect(rows.approvals).to.deep.equal(expected.approvals)
      expect(rows.exit_criteria_results).to.deep.equal(expected.exit_criteria_results)
    }))

  it('makes one client anew while its events flow', () =>
    withHouse(async (house) => {
      const { log, at, publish, start, request, until, hasAll, mustEqual } = house
      await start()
      const flowing = publish(log)
      const clientId = (log[0]!.data as { client_id: string }).client_id
      const { id } = await request({ mode: 'reprocess', from: at(0), filter: { client_id: clientId } })
      await until(id, ({ state }) => state === 'completed')
      await flowing
      await hasAll()
      await mustEqual()
    }))
})
