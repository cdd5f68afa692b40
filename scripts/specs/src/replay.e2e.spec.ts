import { execFile } from 'node:child_process'
import { expect } from 'chai'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromStored, toBus } from '@journey/contracts'
import { createEventStore, type StoredEvent } from '@journey/event-store'
import { createDatabase } from '@journey/read-model'
import { actualRows, expectedRows } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { approved, freshClient, start, untilSetUp } from './journeys.js'
import { startSystem, until, type System } from './system.js'

const bin = join(fileURLToPath(new URL('../../..', import.meta.url)), 'packages/cli/bin/journey-cli.mjs')

describe('a replay in the running system', function () {
  this.timeout(240_000)
  let system: System
  before(async () => {
    system = await startSystem()
    const clients = [freshClient('replay'), freshClient('replay')]
    for (const client of clients) expect((await start(system, client, approved)).status).to.equal('accepted')
    for (const client of clients) await untilSetUp(system, client)
  })
  after(() => system.stop())

  const cli = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env.PATH, JOURNEY_API_URL: system.endpoints.api ?? '' }
      execFile(process.execPath, [bin, ...args], { env }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      )
    })

  const readLog = async (): Promise<StoredEvent[]> => {
    const store = createEventStore({ url: system.endpoints.event_store, log: silentLog() })
    try {
      const stored: StoredEvent[] = []
      for (let after: bigint | 'start' = 'start', isLast = false; !isLast;) {
        const page = await store.readAll({ after, maxCount: 500 })
        stored.push(...page.events)
        after = page.position
        isLast = page.isLast
      }
      return stored
    } finally {
      await store.stop()
    }
  }

  /** Asks for the list of journeys again and again. */
  const readUntil = async (signal: AbortSignal): Promise<{ status: number; journeys: unknown[] }[]> => {
    const read: { status: number; journeys: unknown[] }[] = []
    while (!signal.aborted) {
      const { status, body } = await system.get('/journeys')
      read.push({ status, journeys: body.items ?? [] })
    }
    return read
  }

  /** The window of the middle half of what happened so far, and what lies in it as it was published. */
  const middle = async () => {
    const events = (await readLog()).flatMap((one) => toBus(one) ?? [])
    const times = events.map(({ timestamp }) => timestamp).sort()
    const from = times[Math.floor(times.length / 4)]!
    const to = times[Math.floor((times.length * 3) / 4)]!
    return { from, to, expected: events.filter(({ timestamp }) => timestamp >= from && timestamp < to) }
  }

  it('brings a queue from outside exactly the events of the window, in order, from the command line', async () => {
    const { channel } = system.bus
    const { queue } = await channel.assertQueue('crm.again', { durable: true })
    const everything = await system.bus.listen('#')
    const { from, to, expected } = await middle()
    const counted = await cli('replay', 'start', `--consumer=${queue}`, `--from=${from}`, `--to=${to}`, '--dry-run')
    expect(counted).to.include({ code: 0, err: '' })
    expect(counted.out).to.contain(`${expected.length} events`)
    const json = ['--format=json']
    const told = await cli('replay', 'start', `--consumer=${queue}`, `--from=${from}`, `--to=${to}`, ...json)
    expect(told).to.include({ code: 0, err: '' })
    const replay = JSON.parse(told.out) as { id: string; state: string; progress: unknown }
    expect(replay).to.deep.include({ state: 'completed', progress: { done: expected.length, total: expected.length } })
    const brought: unknown[] = []
    for (
      let message = await channel.get(queue, { noAck: true });
      message;
      message = await channel.get(queue, { noAck: true })
    ) {
      expect(message.properties.headers?.['x-replay-id']).to.equal(replay.id)
      brought.push(JSON.parse(message.content.toString()))
    }
    expect(brought).to.deep.equal(JSON.parse(JSON.stringify(expected)))
    expect(everything.filter(({ properties }) => properties.headers?.['x-replay-id'])).to.deep.equal([])
  })

  it('to a queue goes on after kill -9 of the service that runs it', async () => {
    const { channel } = system.bus
    // It takes 20 and refuses more until somebody consumes, so the replay is under way when its runner dies.
    const { queue } = await channel.assertQueue('crm.slow', {
      arguments: { 'x-max-length': 20, 'x-overflow': 'reject-publish' },
    })
    const { from, to, expected } = await middle()
    const { status, body } = await system.post('/replays', { consumer: queue, from, to })
    expect(status).to.equal(202)
    const now = async () => (await system.get(`/replays/${body.id}`)).body
    await until('some are there', async () => (await now()).progress.done >= 20)
    await kill(system, 'event-relay')
    const seen = new Set<string>()
    await until('all are there', async () => {
      for (
        let message = await channel.get(queue, { noAck: true });
        message;
        message = await channel.get(queue, { noAck: true })
      ) {
        seen.add(JSON.parse(message.content.toString()).event_id)
      }
      return (await now()).state === 'completed' && (await channel.checkQueue(queue)).messageCount === 0
    })
    expect([...seen]).to.have.members(expected.map(({ event_id }) => event_id))
  })

  it('rebuilds the read model while journeys go on and are read, and it is what the streams tell', async () => {
    const client = freshClient('replay')
    expect((await start(system, client, approved)).status).to.equal('accepted')
    const isOver = new AbortController()
    const reading = readUntil(isOver.signal)
    const { code, out } = await cli('replay', 'start', '--consumer=projector', '--from=2020-01-01T00:00:00Z')
    isOver.abort()
    const read = await reading
    expect(read.length).to.be.greaterThan(5)
    for (const { status, journeys } of read) expect([status, journeys.length >= 2]).to.deep.equal([200, true])
    expect([code, out]).to.deep.equal([0, out])
    expect(out).to.contain('completed')
    await untilSetUp(system, client)
    const database = createDatabase({ url: system.endpoints.database, name: 'spec', log: silentLog() })
    try {
      await until('the read model has everything', async () => {
        const events = (await readLog()).flatMap((one) => fromStored(one) ?? [])
        expect(await actualRows(database.db)).to.deep.equal(expectedRows(events))
        return true
      })
    } finally {
      await database.stop()
    }
  })
})

const kill = async (system: System, name: string): Promise<void> => {
  const child = system.stack.processes().get(name)
  const pid = child?.pid()
  if (pid === undefined) throw new Error(`${name} is not running`)
  process.kill(pid, 'SIGKILL')
  await until(`${name} runs again`, () => Promise.resolve(child?.pid() !== undefined && child.pid() !== pid))
}
