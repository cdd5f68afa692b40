import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { askedMetrics, toldMetrics } from './asked-metrics.js'
import { freshClient, start, untilSetUp } from './journeys.js'
import { startSystem, until, type System } from './system.js'

const bin = fileURLToPath(new URL('../../../packages/cli/bin/journey-cli.mjs', import.meta.url))

describe('the figures of a whole running system', function () {
  this.timeout(300_000)
  let system: System
  before(async () => {
    system = await startSystem()
  })
  after(() => system.stop())

  const statsWith = (what: string, isSo: (stats: any) => boolean): Promise<any> =>
    until(what, async () => {
      const { body } = await system.get('/stats')
      return isSo(body) && body
    })
  const cli = (...args: string[]) =>
    new Promise<{ exitCode: number; out: string }>((resolve) => {
      const env = { PATH: process.env.PATH, JOURNEY_API_URL: system.endpoints.api ?? '' }
      execFile(process.execPath, [bin, ...args], { env }, (error, out) =>
        resolve({ exitCode: error ? Number(error.code) : 0, out }),
      )
    })
  const lagOf = (stats: any, of: string) => stats.lags.filter(({ consumer }: any) => consumer === of)

  it('show every service, and no lag once a journey is done', async () => {
    const client = freshClient()
    await start(system, client)
    await untilSetUp(system, client, 120_000)
    const stats = await statsWith(
      'everything told, and nothing behind',
      ({ lags, services, critical_time }) =>
        services.items?.length === 6 &&
        lags.length >= 8 &&
        lags.every(({ events, seconds }: any) => events === 0 && seconds === 0) &&
        critical_time.events > 50,
    )
    expect(Object.values(stats).filter((part: any) => part.status === 'unknown')).to.deep.equal([])
    expect(stats.services.items.map(({ service, status }: any) => [service, status])).to.deep.equal(
      ['api', 'command-handler', 'event-relay', 'notifier', 'projector', 'saga-processor'].map((name) => [
        name,
        'running',
      ]),
    )
    expect(stats.critical_time.p50_seconds).to.be.within(0.001, 30)
    expect(stats.critical_time.p99_seconds).to.be.at.least(stats.critical_time.p50_seconds)
    expect(lagOf(stats, 'projector')).to.have.length(4)
    expect(stats.breakers.items.every(({ state }: any) => state === 'closed')).to.equal(true)

    const { exitCode, out } = await cli('status', '--system')
    expect(exitCode).to.equal(0)
    for (const text of ['all answer', 'projector.events.3', 'event-relay', 'held back        nothing'])
      expect(out).to.contain(text)
    const { lags } = JSON.parse((await cli('status', '--system', '--format=json')).out)
    expect(lags[0]).to.include({ consumer: 'event-relay' })
  })

  it('are all that alerts and dashboard ask for, by name and label', async () => {
    const { services, amqp_management } = system.endpoints
    const overview = (await (await fetchManagement(amqp_management, 'overview')).json()) as {
      listeners: { protocol: string; port: number }[]
    }
    const { port } = overview.listeners.find(({ protocol }) => protocol === 'http/prometheus')!
    const pages = [
      ...Object.values(services).map((url) => `${url}/metrics`),
      `http://127.0.0.1:${port}/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count`,
    ]
    const told = new Map<string, Set<string>>()
    for (const page of pages)
      for (const [name, labels] of toldMetrics(await (await fetch(page)).text()))
        told.set(name, new Set([...(told.get(name) ?? []), ...labels]))
    const asked = askedMetrics()
    expect(asked.length).to.be.greaterThan(30)
    for (const { name, labels } of asked) {
      expect([...told.keys()], 'metrics').to.include(name)
      // One that has counted nothing yet shows none of its labels.
      const known = told.get(name)!
      if (known.size > 0) expect([...known], `labels of ${name}`).to.include.members(labels)
    }
  })

  it('show at the broker one connection a service, of several channels and a heartbeat of 60 s, and ten messages ahead', async () => {
    const asked = async (what: string): Promise<any[]> => {
      const answer = await fetchManagement(system.endpoints.amqp_management, what)
      return (await answer.json()) as any[]
    }
    const names = ['agents', 'api', 'command-handler', 'event-relay', 'notifier', 'projector', 'saga-processor']
    await until('the broker tells of all', async () => {
      const connections = (await asked('connections')).filter(({ user_provided_name }) => user_provided_name)
      expect(connections.map(({ user_provided_name }) => user_provided_name).sort()).to.deep.equal(names)
      for (const { user_provided_name, vhost, timeout, channels } of connections) {
        expect([user_provided_name, vhost, timeout]).to.deep.equal([user_provided_name, '/', 60])
        expect(channels, user_provided_name).to.be.at.least(user_provided_name === 'api' ? 1 : 2) // it publishes when asked to
      }
      return true
    })
    const consumers = (await asked('consumers')).filter(({ queue }) => /^\w+(-\w+)?\./.test(queue.name))
    const work = consumers.filter(({ queue }) => !/^projector[.]|^amq[.]|[.]dlq$/.test(queue.name))
    expect(work.length).to.be.greaterThan(40)
    for (const { queue, prefetch_count, ack_required } of work)
      expect([queue.name, prefetch_count, ack_required]).to.deep.equal([queue.name, 10, true])
    for (const family of ['agent', 'knowledge', 'pattern', 'notification'])
      expect(work.map(({ queue }) => queue.name)).to.include(`${family}.events`)
  })

  it('show events that wait while the projector is gone, that it is gone, and that they are done when it is back', async () => {
    await system.stack.processes().get('projector')!.stop()
    const client = freshClient()
    await start(system, client)
    // Figures of the broker and of the services are each as old as their last look: only together do they tell.
    const behind = await statsWith(
      'events that wait, and nobody who tells how long',
      (stats) =>
        stats.critical_time.status === 'unknown' &&
        lagOf(stats, 'projector').some(({ events, seconds }: any) => events > 0 && seconds === null),
    )
    const waiting = lagOf(behind, 'projector').find(({ events }: any) => events > 0)
    expect(waiting).to.include({ seconds: null, consumers: 0, reason: 'nobody consumes this queue' })
    expect(behind.services.items.map(({ service }: any) => service)).not.to.include('projector')
    expect(behind.critical_time).to.deep.equal({ status: 'unknown', reason: 'no running projector tells of it' })
    await system.stack.processes().get('projector')!.start()
    await untilSetUp(system, client, 120_000)
    await statsWith('nothing behind', (stats) =>
      lagOf(stats, 'projector').every(({ events, seconds }: any) => events === 0 && seconds === 0),
    )
  })
})

const fetchManagement = (url: string | null, what: string): Promise<Response> => {
  const { origin, username, password } = new URL(url ?? '')
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return fetch(`${origin}/api/${what}`, { headers: { authorization } })
}
