import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
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
