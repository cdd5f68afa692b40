import { expect } from 'chai'
import { run } from '../program.js'
import { withServer } from '../testing/server.js'

const cli = async (...args: string[]) => {
  const written = { out: '', err: '' }
  const exitCode = await run(['archive', ...args], {
    env: {},
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    isTerminal: false,
    version: '0.0.0',
    user: 'dana',
    signal: new AbortController().signal,
  })
  return { exitCode, ...written }
}

const job = {
  id: 'a-1',
  kind: 'verify',
  state: 'running',
  progress: { done: 0, total: null },
  result: null as object | null,
  error: null as object | null,
  created_at: '2026-01-28T10:00:00.000Z',
  ended_at: null as string | null,
}
const ended = { ...job, state: 'completed', progress: { done: 7, total: null }, ended_at: '2026-01-28T10:00:02.000Z' }

describe('journey-cli archive', () => {
  it('follows a job to its end', () =>
    withServer(
      ({ method }) =>
        method === 'POST'
          ? { status: 202, body: job }
          : { status: 200, body: { ...ended, result: { events: 7, segments: 1, problems: [] } } },
      async (url, asked) => {
        const { exitCode, out } = await cli('verify', '--from=2026-01-01', '--category=journey', `--api=${url}`)
        expect([exitCode, out]).to.deep.equal([0, 'verify  completed  7 events in 2.0 s  a-1\n'])
        expect(asked[0]?.body).to.deep.equal({ kind: 'verify', from: '2026-01-01', category: 'journey' })
      },
    ))

  it('says what is wrong with the archive, and ends with 1', () =>
    withServer(
      () => ({ status: 202, body: { ...ended, result: { events: 7, segments: 1, problems: ['it is torn'] } } }),
      async (url) => {
        const { exitCode, out } = await cli('verify', `--api=${url}`)
        expect(exitCode).to.equal(1)
        expect(out).to.contain('\n  it is torn\n')
      },
    ))

  it('lists days as a table, and as JSON', () =>
    withServer(
      () => ({
        status: 200,
        body: { items: [{ day: '2026-01-01', events: 7, bytes: 1025, categories: { journey: 5, agent: 2 } }] },
      }),
      async (url) => {
        const table = (await cli('list', `--api=${url}`)).out
        expect(table).to.match(/2026-01-01 +7 +2 +journey 5, agent 2/)
        const [day] = JSON.parse((await cli('list', '--format=json', `--api=${url}`)).out) as object[]
        expect(day).to.deep.include({ day: '2026-01-01', events: 7 })
      },
    ))

  it('knows a day from what is none', async () => {
    const { exitCode, err } = await cli('list', '--from=yesterday')
    expect(exitCode).to.equal(2)
    expect(err).to.match(/It must be a day such as 2026-01-27/)
    expect((await cli('run', '--older-than-days=soon')).exitCode).to.equal(2)
  })
})
