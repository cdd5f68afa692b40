import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { projectorQueueNumber } from '@journey/contracts'
import { createDatabase, type Database } from '@journey/read-model'
import { actualRows, expectedRows } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { freshClient, start } from './journeys.js'
import { readLog } from './log.js'
import { startSystem, until, type System } from './system.js'

const script = fileURLToPath(new URL('../../topology.mjs', import.meta.url))
const clients = Array.from({ length: 60 }, () => freshClient('partitions'))
const events = 4_000

describe('the number of partitions, changed while events flow', () => {
  let system: System
  let database: Database
  const publishing = new AbortController()
  let published = 0
  let flow: Promise<void> = Promise.resolve()

  /** Runs the program; with `killAt` it is killed with SIGKILL once it has told that many steps. */
  const topology = (args: string[], killAt = Infinity) =>
    new Promise<{ code: number | null; text: string; wasKilled: boolean }>((resolve, reject) => {
      const { amqp, amqp_management, database: databaseUrl } = system.endpoints
      const child = spawn(process.execPath, [script, ...args], {
        env: {
          ...process.env,
          RABBITMQ_URL: amqp,
          RABBITMQ_MANAGEMENT_URL: amqp_management ?? '',
          DATABASE_URL: databaseUrl,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let text = ''
      const keep = (chunk: Buffer): void => {
        text += chunk.toString()
        if (text.split('\n').length > killAt) child.kill('SIGKILL')
      }
      child.stdout.on('data', keep)
      child.stderr.on('data', keep)
      child.once('error', reject)
      child.once('close', (code, signal) => resolve({ code, text, wasKilled: signal === 'SIGKILL' }))
    })

  const change = async (count: number, killAt: number): Promise<void> => {
    const before = published
    const cutOff = await topology(['apply', '--partitions', String(count)], killAt)
    expect(cutOff.wasKilled, cutOff.text).to.equal(true)
    await until('events flow on', () => Promise.resolve(published > before + 200))
    const again = await topology(['apply', '--partitions', String(count)])
    expect(again.code, again.text).to.equal(0)
    const plan = await topology(['plan', '--format=json'])
    expect(plan.code, plan.text).to.equal(0)
    expect(JSON.parse(plan.text)).to.deep.include({ partitions: { count, queues: count }, differences: [] })
    expect(await queueNumbers()).to.deep.equal(Array.from({ length: count }, (_, n) => n))
  }

  /** The projector's queues on the broker, each with one active consumer at least. */
  const queueNumbers = (): Promise<number[]> =>
    until('every queue is read', async () => {
      const { origin, username, password, pathname } = new URL(system.endpoints.amqp_management ?? '')
      const answer = await fetch(`${origin}${pathname}api/queues/%2F?columns=name`, {
        headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
      })
      const names = ((await answer.json()) as { name: string }[]).map(({ name }) => name)
      const numbers = names.flatMap((name) => projectorQueueNumber(name) ?? []).sort((a, b) => a - b)
      for (const name of names.filter((name) => projectorQueueNumber(name) !== undefined))
        if ((await system.bus.channel.checkQueue(name)).consumerCount === 0) return undefined
      return numbers
    })

  before(async function () {
    this.timeout(200_000)
    system = await startSystem({ JOURNEY_AGENTS: 'off' })
    database = createDatabase({ url: system.endpoints.database, name: 'spec', log: silentLog() })
    for (const client of clients) expect((await start(system, client)).status).to.equal('accepted')
    flow = (async () => {
      for (let turn = 0; !publishing.signal.aborted; turn++) {
        const from = (turn * 20) % clients.length
        const type = Math.floor((turn * 20) / clients.length) % 2 === 0 ? 'journey.hold' : 'journey.release'
        await Promise.all(
          clients.slice(from, from + 20).map((client_id) => system.bus.command(type, { client_id, reason: 'flow' })),
        )
        published += 20
      }
    })()
    flow.catch(() => undefined) // heard of below
  })
  after(async () => {
    publishing.abort()
    await flow.catch(() => undefined)
    await database.stop()
    await system.stop()
  })

  it('grows from 4 to 7, though the change is killed midway', () => change(7, 2)).timeout(150_000)

  it('shrinks from 7 to 2, though the change is killed midway', () => change(2, 3)).timeout(150_000)

  it('leaves a read model that equals an offline fold of the streams, without a gap, and every gate at its end', async () => {
    await until('enough events have flown', () => Promise.resolve(published >= events), 120_000)
    publishing.abort()
    await flow
    const log = await readLog(system.endpoints.event_store)
    expect(log.length).to.be.greaterThan(events)
    await until('the read model has everything', async () => {
      expect(await actualRows(database.db)).to.deep.equal(expectedRows(await readLog(system.endpoints.event_store)))
      return true
    })
    const ends = new Map(log.map(({ stream, revision }) => [stream, revision]))
    const gates = await database.db
      .selectFrom('projection_gates')
      .select(['stream', 'revision'])
      .where('consumer', '=', 'projector')
      .execute()
    expect(new Map(gates.map(({ stream, revision }) => [stream, revision]))).to.deep.equal(ends)
    expect(await database.db.selectFrom('parked_streams').selectAll().execute()).to.deep.equal([])
    expect(await database.db.selectFrom('dead_letters').selectAll().execute()).to.deep.equal([])
  }).timeout(200_000)
})
