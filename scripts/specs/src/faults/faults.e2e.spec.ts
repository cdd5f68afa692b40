import { busTypes } from '@journey/contracts'
import { actualRows, expectedRows, type ComparableRows } from '@journey/read-model/testing'
import { createDatabase } from '@journey/read-model'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { freshClient, start } from '../journeys.js'
import { readLog } from '../log.js'
import { createBus, until } from '../system.js'
import { faults, flood, malformedCount } from './faults.js'
import { openHouse, type House } from './house.js'
import { startLoad, type Load } from './load.js'

const clients = Array.from({ length: 10 }, () => freshClient('fault'))

/** The most memory that a service may have taken, whatever was thrown at it, and the most by which it may have grown under a flood. */
const mostMib = 600
const mostGrowthMib = 250
const mostHeapGrowthMib = 30
/** Dead letters a second, at the least, on a busy machine. */
const leastRate = 100

/** What each service says of its own memory. */
const memoryOf = async ({ system }: House): Promise<Map<string, { rssMib: number; heapMib: number }>> => {
  const services = Object.entries(system.endpoints.services)
  return new Map(
    await Promise.all(
      services.map(async ([service, url]) => {
        const text = await (await fetch(`${url}/metrics`)).text()
        const mib = (name: string) =>
          Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]) / 1024 ** 2
        const figures = { rssMib: mib('process_resident_memory_bytes'), heapMib: mib('nodejs_heap_size_used_bytes') }
        return [service, figures] as const
      }),
    ),
  )
}

/** The rows that one has and the other has not. */
const differences = (actual: ComparableRows, expected: ComparableRows): string[] =>
  (Object.keys(expected) as (keyof ComparableRows)[]).flatMap((table) => {
    const [there, wanted] = [new Set(actual[table]), new Set(expected[table])]
    return [
      ...expected[table].filter((row) => !there.has(row)).map((row) => `missing in ${table}: ${row}`),
      ...actual[table].filter((row) => !wanted.has(row)).map((row) => `too many in ${table}: ${row}`),
    ]
  })

describe('a system under load, whatever goes wrong', function () {
  this.timeout(300_000)
  let house: House
  let load: Load
  const letters = (which: string) =>
    house
      .sql<{ n: number }>('journeys', `select count(*)::int as n from dead_letters where ${which}`)
      .then(({ rows }) => rows[0]?.n)
  const results: { component: string; what: string; seconds: string; result: string }[] = []

  before(async () => {
    house = await openHouse({ JOURNEY_AGENTS_DELAY_MS: '20' })
    const bus = await createBus(house.servers.amqp)
    const system = { ...house.system, bus }
    for (const client of clients) expect((await start(system, client)).status).to.equal('accepted')
    await bus.close()
    load = startLoad(house.system, clients)
    await load.round()
  })
  after(async () => {
    await load.stop().catch(() => undefined)
    await house.stop()
    console.table(results)
  })

  for (const fault of faults)
    it(`gets on after this: ${fault.component}, ${fault.what}`, async () => {
      const begun = Date.now()
      const note = (result: string) =>
        results.push({
          component: fault.component,
          what: fault.what,
          seconds: ((Date.now() - begun) / 1000).toFixed(1),
          result,
        })
      try {
        await fault.happen(house, clients)
        await load.round()
        note('gets on')
      } catch (error) {
        note('STUCK')
        throw error
      }
    })

  it('gets on among messages that nobody can read, keeps each as a dead letter, and grows no fatter', async function () {
    const count = malformedCount()
    this.timeout(300_000 + (count * 1_000) / leastRate)
    const before = await memoryOf(house)
    const begun = Date.now()
    const heaps: Map<string, { heapMib: number }>[] = []
    await flood(house, count, async () => {
      await load.round()
      heaps.push(await memoryOf(house))
    })
    await until(
      'every dead letter is kept',
      async () => (await letters(`reason in ('malformed', 'unsupported_version')`)) === count,
      60_000 + (count * 1_000) / leastRate,
    )
    const seconds = (Date.now() - begun) / 1000
    const after = await memoryOf(house)
    /** What is there besides garbage, as far as anybody can tell from outside. */
    const leastHeaps = (service: string): [number, number] => {
      const mibs = heaps.map((one) => one.get(service)!.heapMib)
      const half = Math.ceil(mibs.length / 2)
      return [Math.min(...mibs.slice(0, half)), Math.min(...mibs.slice(-half))]
    }
    console.log(
      `      ${count} messages in ${seconds.toFixed(0)} s, ${(count / seconds).toFixed(0)} dead letters a second`,
    )
    console.table(
      [...after].map(([service, { rssMib, heapMib }]) => ({
        service,
        rss: `${before.get(service)!.rssMib.toFixed(0)} → ${rssMib.toFixed(0)} MiB`,
        'least heap, first and second half': leastHeaps(service)
          .map((mib) => `${mib.toFixed(0)} MiB`)
          .join(' → '),
        heap: `${before.get(service)!.heapMib.toFixed(0)} → ${heapMib.toFixed(0)} MiB`,
      })),
    )
    for (const [service, { rssMib }] of after) {
      expect(rssMib, service).to.be.below(mostMib)
      expect(rssMib - before.get(service)!.rssMib, service).to.be.below(mostGrowthMib)
      const [first, second] = leastHeaps(service)
      // Of few looks the least still holds garbage.
      if (heaps.length >= 10) expect(second - first, `heap of ${service}`).to.be.below(mostHeapGrowthMib)
    }
    results.push({
      component: 'every queue',
      what: 'messages nobody can read',
      seconds: seconds.toFixed(1),
      result: 'gets on',
    })
  })

  it('has done each accepted command once, in the stream and with the outcome that it told', async () => {
    await load.stop()
    const log = await readLog(house.servers.event_store)
    const byCause = new Map<string, typeof log>()
    for (const event of log) byCause.set(event.causationId, [...(byCause.get(event.causationId) ?? []), event])
    expect(load.accepted.length).to.be.greaterThan(clients.length)
    for (const { command_id, client_id, events, revision } of load.accepted) {
      const done = (byCause.get(command_id) ?? []).map((one) => [one.stream, busTypes[one.event.type], one.revision])
      const told = events.map((type, n) => [`journey-${client_id}`, type, revision - events.length + 1 + n])
      expect(done, `${command_id} of ${client_id}`).to.deep.equal(told)
    }
  })

  it('has streams without holes, and every event once', async () => {
    const log = await readLog(house.servers.event_store)
    const next = new Map<string, number>()
    for (const { stream, revision } of log) {
      expect(revision, stream).to.equal(next.get(stream) ?? 0)
      next.set(stream, revision + 1)
    }
    expect(new Set(log.map(({ id }) => id)).size).to.equal(log.length)
  })

  it('has a read model that equals an offline fold of the streams, and no stream put aside', async () => {
    const database = createDatabase({ url: house.servers.database, name: 'spec', log: silentLog() })
    try {
      await until('the read model has everything', async () => {
        const found = differences(await actualRows(database.db), expectedRows(await readLog(house.servers.event_store)))
        expect(found.length, found.slice(0, 4).join('\n')).to.equal(0)
        return true
      })
      expect(await database.db.selectFrom('parked_streams').selectAll().execute()).to.deep.equal([])
    } finally {
      await database.stop()
    }
  })

  it('has kept nothing else as a dead letter', async () => {
    expect(await letters(`reason in ('malformed', 'unsupported_version')`)).to.equal(malformedCount())
    expect(await letters(`reason not in ('malformed', 'unsupported_version')`)).to.equal(0)
  })
})
