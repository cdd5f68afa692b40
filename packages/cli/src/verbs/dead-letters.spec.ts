import { expect } from 'chai'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../program.js'
import { withServer, type Asked } from '../testing/server.js'

const id = '2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11'
const letter = {
  id,
  kind: 'message',
  state: 'open',
  queue: 'command-handler.commands',
  reason: 'malformed',
  code: 'command/invalid',
  message: 'data_sources is missing\u001b[2J',
  type: 'journey.start',
  client_id: 'client-1',
  command_id: 'crm-1',
  attempts: 1,
  retries: 0,
  first_at: '2026-01-27T10:00:00.000Z',
  last_at: '2026-01-27T10:00:00.000Z',
  closed_at: null,
  path: { exchange: 'journey.commands', routing_key: 'journey.start', queue: 'command-handler.commands', x_death: [] },
  headers: { own: 'one' },
  properties: {},
  body: { encoding: 'json', size: 20, content: { command_id: 'crm-1', data: {} } },
  edited_body: null,
  stream: null,
  tries: [],
  actions: [],
}

const forecast = {
  ...{
    id,
    kind: 'message',
    queue: letter.queue,
    type: letter.type,
    outcome: 'fails',
    says: 'It would die again\u001b[2J',
  },
  error: {
    code: 'command/invalid',
    message: 'wrong',
    details: [{ field: 'data.users', code: 'isArray', message: 'users must be an array' }],
  },
  events: [{ type: 'JourneyStarted', stream: 'journey-client-1', revision: 4, data: { client_id: 'client-1' } }],
  tables: { journey_states: 3 },
  ...{ commands: [], tasks: [], deliveries: [] },
}
const many = {
  ...{ total: 101, shown: 1, cut: true, items: [{ ...forecast, outcome: 'refused' }] },
  summary: [{ outcome: 'refused', code: 'journey/unknown', count: 1 }],
}

/** Runs `dlq …` against a server; `states` are what the letter is from look to look. */
const dlq = async (args: string[], states: string[] = ['open'], env: Record<string, string> = {}) => {
  let asked: readonly Asked[] = []
  const written = { out: '', err: '' }
  let exitCode = -1
  const answer = ({ method, path, body }: Asked): { status: number; body: unknown } => {
    const isDry = (body as { dry_run?: boolean } | undefined)?.dry_run === true
    if (isDry) return { status: 200, body: path.endsWith('/dead-letters/retry') ? many : forecast }
    if (path.endsWith('/dead-letters')) return { status: 200, body: { items: [letter], next_cursor: null } }
    if (path.endsWith('/groups'))
      return { status: 200, body: { items: [{ ...letter, group: 'g', count: 3, example_id: id }], next_cursor: null } }
    const progress = { done: 2, total: 2, resolved: 1, failed: 1, skipped: 0 }
    if (path.endsWith('/dead-letters/retry') || path.includes('/jobs/'))
      return { status: 202, body: { id: 'j', state: 'completed', progress } }
    if (method === 'GET') return { status: 200, body: { ...letter, state: states.shift() ?? 'resolved' } }
    const state = path.endsWith('/discard') ? 'discarded' : path.endsWith('/retry') ? 'retrying' : 'open'
    return { status: 202, body: { id, state, retry: 1, command_id: 'new' } }
  }
  await withServer(answer, async (url, all) => {
    asked = all
    exitCode = await run(['dlq', ...args], {
      env: { JOURNEY_API_URL: url, ...env },
      out: (text) => (written.out += text),
      err: (text) => (written.err += text),
      isTerminal: false,
      version: '0.0.0',
      user: 'dana',
      signal: new AbortController().signal,
    })
  })
  return { exitCode, ...written, asked: asked.map(({ method, path, query, body }) => ({ method, path, query, body })) }
}

describe('journey-cli dlq', () => {
  it('lists with the filters as the query, open ones unless told otherwise', async () => {
    const { exitCode, out, asked } = await dlq(['list', '--queue=q', '--client-id=c', '--q=x', '--since=2026-01-27'])
    expect(exitCode).to.equal(0)
    expect(asked[0]?.query).to.deep.equal({
      state: 'open',
      queue: 'q',
      client_id: 'c',
      q: 'x',
      since: '2026-01-27',
      limit: '50',
    })
    expect(out).to.include(id).and.include('command/invalid').and.not.include('\u001b[2J')
    expect((await dlq(['list', '--state=all'])).asked[0]?.query).to.deep.equal({ limit: '50' })
    expect(JSON.parse((await dlq(['list', '--format=json'])).out)).to.deep.equal([letter])
  })

  it('shows causes, and everything of one', async () => {
    expect((await dlq(['groups'])).out).to.match(/^g +3 +command-handler\.commands/m)
    const { out } = await dlq(['show', id])
    for (const part of ['journey.commands, key journey.start', 'own: one', '"command_id": "crm-1"', 'client-1'])
      expect(out).to.include(part)
    expect(JSON.parse((await dlq(['show', id, '--format=json'])).out)).to.deep.equal(letter)
  })

  it('retries one and ends by what became of it', async () => {
    const { exitCode, out, asked } = await dlq(['retry', id, '--reason=fixed'], ['retrying', 'resolved'])
    expect([exitCode, out]).to.deep.equal([0, '✓ resolved\n'])
    expect(asked[0]).to.deep.include({ path: `/api/v1/dead-letters/${id}/retry`, body: { reason: 'fixed' } })
    const again = await dlq(['retry', id], ['retrying', 'open'])
    expect(again.exitCode).to.equal(1)
    expect(again.out).to.include('failed again: data_sources is missing')
  })

  it('retries many by a filter, and ends 1 when some failed again', async () => {
    const { exitCode, out, asked } = await dlq(['retry', '--group=g', '--rate', '50/s', '--reason=fixed'])
    expect(asked[0]).to.deep.include({
      path: '/api/v1/dead-letters/retry',
      body: { filter: { group: 'g' }, rate: 50, stop_after: 20, reason: 'fixed' },
    })
    expect(exitCode).to.equal(1)
    expect(out).to.include('2 of 2 retried').and.include('1 failed again')
    expect((await dlq(['retry', '--all'])).asked[0]?.body).to.deep.include({ filter: {} })
  })

  it('mends a command from a text, a file, and the editor', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dlq-spec-'))
    try {
      const file = join(folder, 'body.json')
      writeFileSync(file, '{"data":2}')
      const bodyOf = async (...args: Parameters<typeof dlq>) =>
        (await dlq(...args)).asked.find(({ method }) => method === 'PATCH')?.body
      expect(await bodyOf(['edit', id, '--body={"data":1}', '--reason=r'])).to.deep.equal({
        body: { data: 1 },
        reason: 'r',
      })
      expect(await bodyOf(['edit', id, `--file=${file}`])).to.deep.equal({ body: { data: 2 } })
      expect(await bodyOf(['edit', id], ['open'], { EDITOR: 'sed -i s/crm-1/crm-2/' })).to.deep.equal({
        body: { command_id: 'crm-2', data: {} },
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
    const unchanged = await dlq(['edit', id], ['open'], { EDITOR: 'true' })
    expect([unchanged.exitCode, unchanged.err]).to.deep.equal([1, 'Nothing was changed\n'])
  })

  it('discards for a reason', async () => {
    const { exitCode, asked } = await dlq(['discard', id, '--reason=a test'])
    expect(exitCode).to.equal(0)
    expect(asked[0]).to.deep.include({ path: `/api/v1/dead-letters/${id}/discard`, body: { reason: 'a test' } })
  })

  it('ends 2 on wrong usage', async () => {
    for (const args of [
      ['retry'],
      ['retry', id, '--group=g'],
      ['retry', '--all', '--rate=fast'],
      ['discard', id],
      ['show'],
      ['list', '--state=gone'],
      ['edit', id, '--body=[]'],
      ['edit', id, '--body={'],
      ['edit', id, '--file=/nowhere'],
    ])
      expect([args, (await dlq(args)).exitCode]).to.deep.equal([args, 2])
  })

  it('tells what a retry would come to, and does nothing', async () => {
    const one = await dlq(['retry', id, '--dry-run'])
    expect(one.exitCode).to.equal(1)
    expect(one.asked.map(({ path, body }) => [path, body])).to.deep.equal([
      [`/api/v1/dead-letters/${id}/retry`, { dry_run: true }],
    ])
    for (const told of ['fails', 'data.users', 'journey_states', 'JourneyStarted', 'journey-client-1'])
      expect(one.out).to.include(told)
    expect(one.out).to.not.include('\u001b[2J')
    expect(JSON.parse((await dlq(['retry', id, '--dry-run', '--format=json'])).out)).to.deep.equal(forecast)

    const group = await dlq(['retry', '--group=g', '--dry-run'])
    expect(group.exitCode).to.equal(0)
    expect(group.asked.map(({ body }) => body)).to.deep.equal([{ filter: { group: 'g' }, dry_run: true }])
    expect(group.out).to.include('1 refused').and.include('The first 1 of 101')
  })
})
