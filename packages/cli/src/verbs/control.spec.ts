import { expect } from 'chai'
import { run } from '../program.js'
import { withServer, type Asked } from '../testing/server.js'

const control = async (...args: string[]) => {
  let asked: readonly Asked[] = []
  const written = { out: '', err: '' }
  let exitCode = -1
  const answer = ({ body }: Asked) => ({ status: 202, body: { services: null, ...(body as object) } })
  await withServer(answer, async (url, all) => {
    asked = all
    exitCode = await run(['control', ...args], {
      env: { JOURNEY_API_URL: url },
      out: (text) => (written.out += text),
      err: (text) => (written.err += text),
      isTerminal: false,
      version: '0.0.0',
      user: 'dana',
      signal: new AbortController().signal,
    })
  })
  return { exitCode, ...written, asked: asked.map(({ path, body }) => [path, body]) }
}

describe('journey-cli control', () => {
  it('broadcasts to the services named, or to all', async () => {
    const paused = await control('pause', '--service', 'projector', 'notifier', '--reason=maintenance')
    expect(paused.asked).to.deep.equal([
      ['/api/v1/control/pause', { services: ['projector', 'notifier'], reason: 'maintenance' }],
    ])
    expect(paused.out).to.include('pause broadcast to projector, notifier')
    expect((await control('resume')).out).to.include('resume broadcast to all services')
    const reloaded = await control('reload', '--log-level=debug')
    expect([reloaded.exitCode, reloaded.asked]).to.deep.equal([0, [['/api/v1/control/reload', { log_level: 'debug' }]]])
  })

  it('ends 2 on wrong usage', async () => {
    for (const args of [
      ['pause', '--service=api', '--reason=x'],
      ['pause'],
      ['reload', '--log-level=loud'],
      ['resume', '--log-level=debug'],
    ])
      expect((await control(...args)).exitCode, args.join(' ')).to.equal(2)
  })
})
