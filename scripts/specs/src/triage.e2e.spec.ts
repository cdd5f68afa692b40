import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { createDatabase, type Database } from '@journey/read-model'
import { silentLog } from '@journey/runtime'
import { foretold } from './forecasts.js'
import { freshClient, start } from './journeys.js'
import { startSystem, until, type Heard, type System } from './system.js'

const bin = fileURLToPath(new URL('../../../packages/cli/bin/journey-cli.mjs', import.meta.url))

describe('triage in a running system', () => {
  let system: System
  let database: Database
  let heard: Heard[]

  before(async function () {
    this.timeout(120_000)
    system = await startSystem()
    database = createDatabase({ url: system.endpoints.database, name: 'spec', log: silentLog() })
    heard = await system.bus.listen('#')
  })
  after(async () => {
    await database.stop()
    await system.stop()
  })

  const dlq = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env.PATH, JOURNEY_API_URL: system.endpoints.api ?? '' }
      execFile(process.execPath, [bin, 'dlq', ...args], { env }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      )
    })
  const listed = async (query: string): Promise<any[]> => (await system.get(`/dead-letters?${query}`)).body.items
  const one = (query: string) => until(`a dead letter with ${query}`, async () => (await listed(query))[0])
  const shown = async (id: string) => (await system.get(`/dead-letters/${id}`)).body

  it('finds a poisoned command, mends it and sees it accepted', async () => {
    const client = freshClient('mended')
    const body = JSON.stringify({ command_id: randomUUID(), data: { client_id: client } })
    expect((await system.bus.publish('journey.start', body)).status).to.equal('failed')
    const { id } = await one(`client_id=${client}`)

    const { out } = await dlq('list', `--client-id=${client}`)
    expect(out).to.include(id).and.include('command/invalid')
    const told = await dlq('retry', id, '--dry-run')
    expect([told.code, told.out.includes('data.data_sources'), (await shown(id)).state]).to.deep.equal([
      1,
      true,
      'open',
    ])
    const again = await dlq('retry', id)
    expect([again.code, again.err]).to.deep.equal([1, ''])
    expect(again.out).to.include('failed again')
    const mended = JSON.stringify({ data: { client_id: client, data_sources: ['jira'] } })
    const done = await dlq('edit', id, `--body=${mended}`, '--retry', '--reason=sources forgotten')
    expect([done.code, done.err]).to.deep.equal([0, ''])

    const { state, retries, command_id, actions } = await shown(id)
    expect([state, retries]).to.deep.equal(['resolved', 2])
    expect(actions.map(({ action, reason }: any) => [action, reason])).to.deep.equal([
      ['retry', null],
      ['edit', 'sources forgotten'],
      ['retry', 'sources forgotten'],
      ['resolve', null],
    ])
    expect((await system.get(`/commands/${command_id}`)).body.status).to.equal('accepted')
    expect(await listed(`client_id=${client}`)).to.have.length(1)
  })

  it('accepts an expired command under its own id when it is retried', async () => {
    const client = freshClient('expired')
    const command_id = randomUUID()
    const data = { client_id: client, data_sources: ['jira'] }
    // As the broker leaves it when its time to live ran out in the queue.
    const headers = {
      'x-dead-reason': 'expired',
      'x-dead-code': 'message/expired',
      'x-dead-last-at': new Date().toISOString(),
    }
    const original = { exchange: 'journey.commands', routing_key: 'journey.start', expiration: '1' }
    system.bus.channel.publish(
      'journey.dlx',
      'dlx.command-handler.commands',
      Buffer.from(JSON.stringify({ command_id, data })),
      { messageId: command_id, headers: { ...headers, 'x-dead-original': JSON.stringify(original) } },
    )
    const { id } = await one(`client_id=${client}`)
    expect((await system.get(`/commands/${command_id}`)).body.status).to.equal('failed')
    expect((await dlq('retry', id)).code).to.equal(0)
    expect((await system.get(`/commands/${command_id}`)).body.status).to.equal('accepted')
  })

  it('keeps a task that nobody took, and does not repeat it after its time', async () => {
    const intent = `nobody_does_${process.pid}`
    const agent = { agent_id: `idle-${process.pid}`, name: 'Idle', intents: [intent] }
    expect((await system.bus.command('agent.register', agent)).status).to.equal('accepted')
    const queue = `tasks.${intent}`
    await until('its queue', async () => {
      const { count } = await database.db
        .selectFrom('agents')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('agent_id', '=', agent.agent_id)
        .executeTakeFirstOrThrow()
      return count > 0
    })
    const task = { work_id: 'w', task_id: 't', attempt: 1, intent, client_id: freshClient('late') }
    const publish = (deadline: string) =>
      system.bus.channel.publish('journey.tasks', intent, Buffer.from(JSON.stringify({ ...task, deadline })), {
        expiration: '1',
        messageId: randomUUID(),
      })
    // What is published before the saga-processor has declared the queue goes nowhere.
    const { id } = await until('an expired task', async () => {
      publish(new Date().toISOString())
      return (await listed(`queue=${queue}`))[0]
    })
    expect(await shown(id)).to.deep.include({
      state: 'open',
      reason: 'expired',
      type: intent,
      client_id: task.client_id,
    })
    const refused = await dlq('retry', id)
    expect([refused.code, refused.err.includes('dead_letter/task_over')]).to.deep.equal([1, true])
    expect((await dlq('discard', id, '--reason=its attempt is over')).code).to.equal(0)
    expect((await shown(id)).state).to.equal('discarded')
  })

  it('frees a parked stream once its cause is mended', async () => {
    const client = freshClient('parked')
    const { db } = database
    await run(db, `alter table journey_states add constraint refuse check (client_id <> '${client}') not valid`)
    await start(system, client)
    const id = `parked:projector:journey-${client}`
    await until('a parked stream', async () => (await shown(id)).state === 'open')
    expect((await dlq('list', '--queue=projector')).out).to.include(id)
    expect((await dlq('retry', id)).code).to.equal(1)
    await run(db, 'alter table journey_states drop constraint refuse')
    expect((await dlq('retry', id)).code).to.equal(0)
    await until('the journey', async () => (await system.get(`/journeys/${client}`)).status === 200)
  })

  for (const [what, make] of Object.entries(foretold(() => ({ system, database, heard }))))
    it(`foresees what the retry of ${what} then comes to`, async () => {
      const { id, outcome, ends = 'resolved', foreseen, came } = await make()
      const before = await shown(id)
      const forecast = await system.post(`/dead-letters/${id}/retry`, { dry_run: true })
      expect([forecast.body.outcome, await shown(id)], JSON.stringify(forecast.body)).to.deep.equal([outcome, before])
      const retried = await system.post(`/dead-letters/${id}/retry`, {})
      await until(`its end as ${ends}`, async () => retried.body.state === ends || (await shown(id)).state === ends)
      const expected = foreseen(forecast.body)
      let last: unknown
      await until(
        'what was foreseen',
        async () => isDeepStrictEqual((last = await came(retried)), expected),
        10_000,
      ).catch(() => undefined)
      expect(last, forecast.body.says).to.deep.equal(expected)
    })

  it('retries each of many once, though the API is killed half-way', async () => {
    const count = 150
    const clients = Array.from({ length: count }, () => freshClient('many'))
    for (const client_id of clients)
      system.bus.channel.publish(
        'journey.dlx',
        'dlx.command-handler.commands',
        Buffer.from(JSON.stringify({ command_id: client_id, data: { client_id, reason: 'over' } })),
        {
          messageId: client_id,
          headers: {
            'x-dead-code': 'internal/bug',
            'x-dead-reason': 'attempts_used_up',
            'x-dead-message': `row 17 of ${client_id}`,
            'x-dead-original': JSON.stringify({ exchange: 'journey.commands', routing_key: 'journey.cancel' }),
          },
        },
      )
    await until('all of them', async () => (await listed('code=internal/bug&limit=500')).length === count)
    const filter = { code: 'internal/bug' }
    const { body: job } = await system.post('/dead-letters/retry', { filter, rate: '50/s', reason: 'fixed' })
    const look = async () => (await system.get(`/dead-letters/jobs/${job.id}`)).body
    await until('the first of them', async () => (await look()).progress.done >= 20)
    await killApi(system)
    expect((await until('the job', async () => (await look()).state !== 'running' && look())).state).to.equal(
      'completed',
    )
    await until('all settled', async () => (await look()).progress.resolved === count)

    const rows = await listed('code=internal/bug&limit=500')
    expect(rows.map(({ state, retries }) => [state, retries])).to.deep.equal(Array(count).fill(['resolved', 1]))
    const { actions } = await shown(rows[0].id)
    expect(actions.map(({ action, reason }: any) => [action, reason])).to.deep.equal([
      ['retry', 'fixed'],
      ['resolve', null],
    ])
    expect((await system.get(`/commands/${clients[0]}`)).body.error.code).to.equal('journey/unknown')
  })
})

const killApi = async (system: System): Promise<void> => {
  const child = system.stack.processes().get('api')!
  const pid = child.pid()!
  process.kill(pid, 'SIGKILL')
  await until('the API runs again', () => Promise.resolve(child.pid() !== undefined && child.pid() !== pid))
}

/** What Kysely's builder has no word for. */
const run = async (db: Database['db'], sql: string): Promise<void> => {
  await db.executeQuery({ ...db.selectFrom('agents').selectAll().compile(), sql, parameters: [] })
}
