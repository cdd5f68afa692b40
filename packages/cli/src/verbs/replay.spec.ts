import { Writable } from 'node:stream'
import { expect } from 'chai'
import { run } from '../program.js'
import { withServer } from '../testing/server.js'

const cli = async (args: string[], terminal?: NodeJS.WritableStream) => {
  const written = { out: '', err: '' }
  const exitCode = await run(args, {
    env: {},
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    isTerminal: false,
    version: '0.0.0',
    terminal,
    user: 'dana',
    signal: new AbortController().signal,
  })
  return { exitCode, ...written }
}

const replay = {
  id: 'r-1',
  consumer: 'projector',
  mode: 'rebuild',
  from: '2026-01-27T10:00:00.000Z',
  to: null,
  filter: null,
  dry_run: false,
  state: 'running',
  progress: { done: 0, total: null as number | null },
  error: null as { code: string; message: string } | null,
  requested_by: { type: 'user', id: 'dana' },
  created_at: '2026-01-28T10:00:00.000Z',
  ended_at: null as string | null,
}
const ended = (over: Partial<typeof replay>) => ({
  ...replay,
  progress: { done: 40, total: 40 },
  ended_at: '2026-01-28T10:00:02.000Z',
  ...over,
})
const from = '--from=2026-01-27T10:00:00Z'

describe('journey-cli replay', () => {
  it('starts what it is told, and leaves it alone with --no-wait', () =>
    withServer(
      () => ({ status: 202, body: replay }),
      async (url, asked) => {
        const { exitCode, out } = await cli([
          ...['replay', 'start', '--consumer=crm.events', from, '--to=2026-01-28', '--mode=redeliver', '--dry-run'],
          ...['--type=journey.*', '--client-id=c', '--no-wait', `--api=${url}`],
        ])
        expect(exitCode).to.equal(0)
        expect(out).to.contain('r-1')
        expect(asked).to.have.length(1)
        expect(asked[0]).to.deep.include({ method: 'POST', path: '/api/v1/replays' })
        expect(asked[0]?.body).to.deep.equal({
          consumer: 'crm.events',
          from: '2026-01-27T10:00:00.000Z',
          to: '2026-01-28T00:00:00.000Z',
          mode: 'redeliver',
          filter: { type: 'journey.*', client_id: 'c' },
          dry_run: true,
        })
      },
    ))

  it('follows it to its end with a bar, through a pause and an outage of the API, and tells what came of it', () => {
    let looks = 0
    const answers = [
      { status: 200, body: { ...replay, progress: { done: 10, total: 40 } } },
      { status: 503, body: { status: 503, code: 'database/away', detail: '', errors: [] } },
      { status: 200, body: { ...replay, state: 'paused', progress: { done: 20, total: 40 } } },
      { status: 200, body: ended({ state: 'completed' }) },
    ]
    return withServer(
      ({ method }) => (method === 'POST' ? { status: 202, body: replay } : answers[looks++]!),
      async (url) => {
        let drawn = ''
        const terminal = Object.assign(
          new Writable({
            write: (chunk: Buffer, _, done) => {
              drawn += chunk.toString()
              done()
            },
          }),
          { isTTY: true, columns: 120, cursorTo: () => true, moveCursor: () => true, clearLine: () => true },
        )
        const { exitCode, out } = await cli(['replay', 'start', '--consumer=projector', from, `--api=${url}`], terminal)
        expect(exitCode).to.equal(0)
        expect(out).to.contain('40 of 40 events in 2.0 s')
        expect(drawn).to.contain('40/40 events')
        expect(looks).to.equal(4)
      },
    )
  })

  it('ends 1 when the replay fails or is cancelled, and says why', () =>
    withServer(
      ({ method }) =>
        method === 'POST'
          ? { status: 202, body: replay }
          : {
              status: 200,
              body: ended({ state: 'failed', error: { code: 'replay/queue_gone', message: 'It is gone' } }),
            },
      async (url) => {
        const told = await cli(['replay', 'start', '--consumer=q', from, `--api=${url}`])
        expect(told.exitCode).to.equal(1)
        expect(told.out).to.contain('It is gone (replay/queue_gone)')
        const json = await cli(['replay', 'start', '--consumer=q', from, `--api=${url}`, '--format=json'])
        expect(json.exitCode).to.equal(1)
        expect(JSON.parse(json.out)).to.deep.include({ state: 'failed' })
      },
    ))

  it('shows, pauses, resumes and cancels one by its id', () =>
    withServer(
      () => ({ status: 200, body: replay }),
      async (url, asked) => {
        for (const args of [
          ['show', 'r-1'],
          ['show', '--id=r-1'],
          ['pause', 'r-1'],
          ['resume', 'r-1'],
          ['cancel', 'r-1'],
        ])
          expect((await cli(['replay', ...args, `--api=${url}`])).exitCode, args.join(' ')).to.equal(0)
        expect(asked.map(({ method, path }) => `${method} ${path.replace('/api/v1', '')}`)).to.deep.equal([
          'GET /replays/r-1',
          'GET /replays/r-1',
          'POST /replays/r-1/pause',
          'POST /replays/r-1/resume',
          'DELETE /replays/r-1',
        ])
      },
    ))

  it('lists them', () =>
    withServer(
      () => ({ status: 200, body: { items: [ended({ state: 'completed' }), replay], next_cursor: null } }),
      async (url, asked) => {
        const { out } = await cli(['replay', 'list', '--state=running', `--api=${url}`])
        expect(out).to.contain('40 of 40 events').and.to.contain('projector')
        expect(asked[0]?.query).to.deep.include({ state: 'running' })
      },
    ))

  it('ends 2 on wrong usage', async () => {
    for (const args of [
      ['start'],
      ['start', '--consumer=projector'],
      ['start', '--consumer=projector', '--from=yesterday'],
      ['start', '--consumer=projector', from, '--mode=rewind'],
      ['show'],
      ['list', '--state=odd'],
    ])
      expect((await cli(['replay', ...args])).exitCode, args.join(' ')).to.equal(2)
  })
})
