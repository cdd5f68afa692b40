import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { exchanges, notifierQueue, notifierReplayQueue, ownedBy, topologyFor } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createSink, type Received } from '@journey/integrations/testing'
import {
  createLyingBroker,
  eachSeed,
  eventually,
  openTestBroker,
  randomOf,
  startProcess,
  temperOf,
  type ChaosResult,
  type ChaosRun,
  type LyingBroker,
} from '@journey/messaging/testing'
import { createDatabase, relayProofs, type DeliveryRow } from '@journey/read-model'
import { testReadModel } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { promoted, proven, type BusEvent } from './events.js'

const main = fileURLToPath(new URL('../main.js', import.meta.url))
const configDir = fileURLToPath(new URL('../../../../infra/config', import.meta.url))
const eventsEach = 40
const settledWithinMs = 30_000
const quietMs = 30

/** What the CRM hears of under a name of its own, and some of what it does not hear of. */
const crmNames: Record<string, string | undefined> = {
  'journey.stage_promoted': 'journey.stage_transition',
  'journey.rollback_initiated': 'journey.rollback_initiated',
  'journey.completed': 'journey.completed',
  'journey.cancelled': undefined,
  'journey.promotion_held': undefined,
}

/** The process is killed while the receiver has so many requests of a seed: before it answers the last, or right after. */
type Death = { at: number; isAnswered: boolean }

/**
 * Runs the notifier behind a lying broker, once for each seed: events and replays of them are published, some twice, and the broker drops,
 * repeats and reorders their deliveries and closes channels and connections, the CRM refuses some at first, and with some seeds the
 * process is killed while it sends, all as the seed says. Then every connection is cut, and what was dropped comes again, as with any
 * broker. For each event and each replay that the CRM hears of there must be one delivery, which has arrived under its one id with the
 * same bytes, more than once only after a death; nothing may be a dead letter, and at the end nothing left in a queue. In which order
 * deliveries arrive is not promised, so not looked at. Stops at the first seed that fails. Needs the servers of a test run.
 */
export const runChaos = async (run: ChaosRun): Promise<ChaosResult> => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const database = createDatabase({ url: own.url, name: 'chaos', log: silentLog() })
  const { db } = database
  const proofs = await relayProofs(db)()
  const broker = await openTestBroker(vhost.url)
  const lyingAbout = [notifierQueue, notifierReplayQueue]
  const lying = await createLyingBroker(vhost.url, (queue) => lyingAbout.includes(queue), { isLost: false })
  const beside = { refused: 0, kill_process: 0 }

  let toDie: Death | undefined
  let isRefused: () => boolean = () => false
  let wasRefused = false
  let inSeed: Request[] = []
  const sink = await createSink((response, n) => {
    const { headers, body } = sink.received[n - 1]!
    const request: Request = { id: String(headers['x-delivery-id']), headers, body, status: 204 }
    const isFirst = inSeed.every(({ id }) => id !== request.id)
    const dies = inSeed.push(request) === toDie?.at
    // Never two in a row, or the breaker opens.
    wasRefused = isFirst && !wasRefused && !dies && isRefused()
    if (wasRefused) {
      request.status = 503
      beside.refused++
    }
    if (dies && !toDie?.isAnswered) {
      request.status = undefined
      die()
      return
    }
    if (dies) response.once('finish', die)
    response.writeHead(request.status!).end()
  })

  const live = () =>
    startProcess(main, {
      DATABASE_URL: own.url,
      RABBITMQ_URL: lying.url,
      RABBITMQ_PREFETCH: '20',
      EVENT_STORE_URL: testEventStoreUrl(),
      JOURNEY_CONFIG_DIR: configDir,
      JOURNEY_HEALTH_PORT: '0',
      LOG_LEVEL: 'info',
      CRM_WEBHOOK_URL: sink.url,
      CRM_WEBHOOK_SECRET: 'a key for chaos',
      CRM_WEBHOOK_RETRY_DELAY_MS: '10',
    })
  let alive = live()
  await alive
  const die = (): void => {
    beside.kill_process++
    const dead = alive
    alive = dead.then((process) => process.kill()).then(live)
    alive.catch(() => undefined) // heard where it is awaited
  }

  const rowsOf = (clients: readonly string[]) =>
    db.selectFrom('deliveries').selectAll().where('client_id', 'in', clients).execute()
  const depths = async (): Promise<string[]> => {
    const some: string[] = []
    for (const { name } of ownedBy('notifier', topologyFor({ version: '4.0.0', clustered: false })).queues) {
      const depth = await broker.depth(name)
      if (depth > 0) some.push(`${depth} in ${name}`)
    }
    return some
  }
  const toldOf = async ({ queue, event, replayId }: Publication): Promise<void> => {
    const { body, properties } = proven(proofs, event)
    if (!queue) return broker.publish(exchanges.events.name, event.event_type, body, properties)
    const headers = { ...properties.headers, 'x-replay-id': replayId }
    return broker.publish('', queue, body, { ...properties, headers })
  }

  const runSeed = async (seed: number): Promise<string | undefined> => {
    const random = randomOf(seed)
    const { clients, publications } = publicationsOf(random)
    const wanted = [...new Set(publications.filter(({ event }) => crmNames[event.event_type]).map(wantedOf))].sort()
    const refusals = random() * 0.2
    const temper = temperOf(random)
    toDie = random() < 0.3 ? { at: 1 + Math.floor(random() * wanted.length), isAnswered: random() < 0.5 } : undefined
    inSeed = []
    isRefused = () => random() < refusals
    lying.lie = () => temper()
    await Promise.all(publications.map(toldOf))
    await untilLied(lying, publications.length)
    lying.lie = undefined
    lying.cut()
    let rows: DeliveryRow[] = []
    try {
      await eventually(
        'everything delivered',
        async () => {
          rows = await rowsOf(clients)
          return rows.length >= wanted.length && rows.every(({ state }) => state !== 'pending')
        },
        settledWithinMs,
      )
      await eventually('empty queues', async () => (await depths()).length === 0, settledWithinMs)
      await alive
    } catch (error) {
      return `${String(error)}: ${rows.length} of ${wanted.length} stored, ${rows.filter(({ state }) => state === 'delivered').length} delivered, ${(await depths()).join(', ')}`
    }
    rows = await rowsOf(clients)
    const actual = rows.map(shownRow).sort()
    if (!isDeepStrictEqual(actual, wanted)) return differenceOf(actual, wanted)
    const letters = await db.selectFrom('dead_letters').select(['queue', 'code', 'message']).execute()
    if (letters.length > 0) return `there are dead letters: ${JSON.stringify(letters.slice(0, 4))}`
    return wrongIn(rows, inSeed, toDie !== undefined)
  }

  let stored = 0
  try {
    const held = await eachSeed(run, async (seed) => {
      const why = await runSeed(seed)
      stored += new Set(inSeed.map(({ id }) => id)).size
      return why
    })
    const told = { ...lying.told, ...beside }
    if (held.failed) return { ...held, told }
    // What a notifier has not settled when it goes is ready again, so it would show.
    await (await alive).kill('SIGTERM')
    const left = await depths()
    const { length } = await db.selectFrom('deliveries').select('delivery_id').execute()
    if (length !== stored) left.push(`${length} deliveries for ${stored}`)
    if (left.length === 0) return { ...held, told }
    return { ...held, told, failed: { seed: run.first + run.seeds - 1, why: `at the end: ${left.join(', ')}` } }
  } finally {
    await (await alive.catch(() => undefined))?.kill()
    await sink.stop()
    await Promise.all([broker.close(), database.stop()])
    await lying.close()
    await Promise.all([own.drop(), vhost.drop()])
  }
}

/** Until each delivery has been lied about, or no more come, since what is dropped counts as being in hand. */
const untilLied = async ({ told }: LyingBroker, deliveries: number): Promise<void> => {
  const sum = () => Object.values(told).reduce((one, other) => one + other)
  const first = sum()
  for (let before = -1, now = first; now !== before && now - first < deliveries; now = sum()) {
    before = now
    await sleep(quietMs)
  }
}

/** What the receiver got, and its answer if it gave one. */
type Request = Pick<Received, 'headers' | 'body'> & { id: string; status: number | undefined }

/** The requests against the rows: each under its row's id, with the same bytes, as often as the row says. */
const wrongIn = (rows: readonly DeliveryRow[], requests: readonly Request[], hasDied: boolean): string | undefined => {
  const strange = requests.find(({ id }) => !rows.some(({ delivery_id }) => delivery_id === id))
  if (strange) return `a request came with ${strange.id}, and no row has that`
  for (const { delivery_id, event_id, replay_id, attempts } of rows) {
    const own = requests.filter(({ id }) => id === delivery_id)
    const arrived = own.filter(({ status }) => status === 204).length
    const row = `delivery ${delivery_id} of event ${event_id}`
    if (arrived === 0) return `${row} is said to be delivered and did not arrive`
    if (arrived > (hasDied ? 2 : 1)) return `${row} arrived ${arrived} times`
    if (hasDied ? attempts > own.length : attempts !== own.length)
      return `${row} came ${own.length} times, and its row tells of ${attempts}`
    for (const { headers, body } of own) {
      if (!body.equals(own[0]!.body)) return `${row} came with two bodies`
      if (headers['x-event-id'] !== event_id) return `${row} came as event ${String(headers['x-event-id'])}`
      if (headers['x-replay-id'] !== (replay_id ?? undefined))
        return `${row} came with the wrong replay: ${String(headers['x-replay-id'])}`
      if (headers['idempotency-key'] !== delivery_id) return `${row} came under another idempotency key`
    }
  }
  return undefined
}

type Publication = { event: BusEvent; queue?: string; replayId?: string }

/** Of some clients; a fifth comes twice from the relay, a fifth once more with a replay, and some of these twice. */
const publicationsOf = (random: () => number): { clients: string[]; publications: Publication[] } => {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const clients = Array.from({ length: 3 }, () => `chaos-${randomUUID()}`)
  const replays = Array.from({ length: 2 }, () => randomUUID())
  const publications: Publication[] = []
  for (let revision = 0; revision < eventsEach; revision++) {
    const event = eventOf(pick(Object.keys(crmNames)), pick(clients), revision)
    publications.push({ event })
    const dice = random()
    if (dice < 0.2) publications.push({ event })
    else if (dice < 0.4) {
      const replayed = { event, queue: notifierReplayQueue, replayId: pick(replays) }
      publications.push(replayed, ...(dice < 0.3 ? [replayed] : []))
    }
  }
  return { clients, publications }
}

/** With what all the types need that the CRM hears of. */
const eventOf = (event_type: string, client_id: string, revision: number): BusEvent => {
  const { data, metadata, ...event } = promoted(client_id)
  return {
    ...event,
    event_type,
    data: { ...data, ...{ stage: 'production', category: 'manual' } },
    metadata: { ...metadata, revision, position: String(revision) },
  }
}

const wantedOf = ({ event, replayId = 'live' }: Publication): string =>
  `${event.event_id} ${replayId} ${event.data.client_id} ${crmNames[event.event_type]} delivered`

const shownRow = ({ event_id, replay_id, client_id, event_type, state }: DeliveryRow): string =>
  `${event_id} ${replay_id ?? 'live'} ${client_id} ${event_type} ${state}`

const differenceOf = (actual: readonly string[], wanted: readonly string[]): string =>
  [
    ...wanted.filter((row) => !actual.includes(row)).map((row) => `missing: ${row}`),
    ...actual.filter((row, n) => !wanted.includes(row) || actual.indexOf(row) !== n).map((row) => `too much: ${row}`),
  ]
    .slice(0, 4)
    .join('\n')
