import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { exchanges, fromStored, projectorQueue, type Stored } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import {
  createLyingBroker,
  eachSeed,
  eventually,
  openTestBroker,
  randomOf,
  temperOf,
  type ChaosResult,
  type ChaosRun,
} from '@journey/messaging/testing'
import { createDatabase, relayProofs } from '@journey/read-model'
import {
  actions,
  actualRows,
  emptied,
  expectedRows,
  logOf,
  testReadModel,
  type ComparableRows,
  type Move,
} from '@journey/read-model/testing'
import { readSettings, silentLog } from '@journey/runtime'
import { build } from '../container.js'
import { Settings } from '../settings.js'
import { publicationOf, stored } from './events.js'

/** One queue, so that every lie meets the same consumer. */
const queue = projectorQueue(0)
const settledWithinMs = 30_000
/** Histories are stored while those before are published. */
const preparedAhead = 3

/**
 * Runs the projector behind a lying broker, once for each seed: a small history is stored and published, and the broker drops, repeats
 * and reorders its deliveries and closes channels and connections, as the seed says. Then it brings the last event of each
 * stream truly, as the next events would come one day, and the rows must be those of an offline fold of the streams. Stops at
 * the first seed that fails. Needs the servers of a test run.
 */
export const runChaos = async (run: ChaosRun): Promise<ChaosResult> => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const log = silentLog()
  const lying = await createLyingBroker(vhost.url, (name) => name === queue)
  const store = createEventStore({ url: testEventStoreUrl(), log })
  const database = createDatabase({ url: own.url, name: 'chaos', log })
  const { db } = database
  const env = {
    DATABASE_URL: own.url,
    RABBITMQ_URL: lying.url,
    EVENT_STORE_URL: testEventStoreUrl(),
    JOURNEY_PROJECTOR_QUEUES: '1',
    JOURNEY_PROJECTOR_BATCH: '12',
    LOG_LEVEL: 'silent',
  }
  const { service } = build(readSettings(Settings, env))
  await service.start()
  const broker = await openTestBroker(vhost.url)
  const proofs = await relayProofs(db)()
  const publish = (event: Stored): Promise<void> => {
    const { key, body, properties } = publicationOf(event, proofs)
    return broker.publish(exchanges.events.name, key, body, properties)
  }

  /** A history in the store, and the numbers that go on from it. */
  const prepare = async (seed: number) => {
    const random = randomOf(seed)
    const name = `chaos-${randomUUID()}`
    return { random, name, events: await stored(store, logOf(movesOf(random), name)) }
  }
  const runSeed = async ({ random, name, events }: Prepared): Promise<string | undefined> => {
    const expected = expectedRows(events.flatMap((event) => fromStored(event) ?? []))
    const temper = temperOf(random)
    lying.lie = () => temper()
    await Promise.all(events.map(publish)) // on one channel, so in order
    const last = [...new Map(events.map((event) => [event.stream, event])).values()]
    await sleep(random() * 20)
    lying.lie = undefined
    await Promise.all(last.map(publish))
    let why = ''
    const isSo = async (): Promise<boolean> => {
      const actual = without(await actualRows(db), (row) => row.includes('chaos-') && !row.includes(name))
      if (isDeepStrictEqual(actual, expected)) return true
      why = differenceOf(actual, expected)
      return false
    }
    try {
      await eventually('the rows of the offline fold', isSo, settledWithinMs)
    } catch {
      return why
    }
    // A last repetition may come after this; its rows bear the name of their seed.
    await emptied(db)
    return undefined
  }

  type Prepared = Awaited<ReturnType<typeof prepare>>
  const ahead: Promise<Prepared>[] = []
  const prepared = (seed: number): Promise<Prepared> => {
    const end = run.first + run.seeds
    for (let next = seed + ahead.length; next <= seed + preparedAhead && next < end; next++) {
      const preparing = prepare(next)
      preparing.catch(() => undefined) // heard where it is awaited
      ahead.push(preparing)
    }
    return ahead.shift()!
  }

  try {
    return { ...(await eachSeed(run, async (seed) => runSeed(await prepared(seed)))), told: lying.told }
  } finally {
    await Promise.allSettled(ahead)
    await service.stop()
    await Promise.all([broker.close(), store.stop(), database.stop()])
    await lying.close()
    await Promise.all([own.drop(), vhost.drop()])
  }
}

const without = (rows: ComparableRows, isOthers: (row: string) => boolean): ComparableRows =>
  Object.fromEntries(
    Object.entries(rows).map(([table, some]) => [table, some.filter((row) => !isOthers(row))]),
  ) as ComparableRows

const movesOf = (random: () => number): Move[] =>
  Array.from({ length: 24 }, (_, n) => ({
    client: n < 2 ? n : Math.floor(random() * 2),
    action: n < 2 ? 'start' : actions[Math.floor(random() * actions.length)]!,
    pick: Math.floor(random() * 17),
  }))

const differenceOf = (actual: Record<string, string[]>, expected: Record<string, string[]>): string =>
  Object.keys(expected)
    .flatMap((table) => [
      ...expected[table]!.filter((row) => !actual[table]!.includes(row)).map((row) => `missing in ${table}: ${row}`),
      ...actual[table]!.filter((row) => !expected[table]!.includes(row)).map((row) => `too much in ${table}: ${row}`),
    ])
    .slice(0, 4)
    .map((line) => line.slice(0, 400))
    .join('\n')
