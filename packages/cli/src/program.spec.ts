import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from './program.js'
import { withServer, type Asked } from './testing/server.js'

/** Runs a command line and returns its exit code and what it wrote. */
const cli = async (args: string[], env: Record<string, string> = {}, isTerminal = false) => {
  const written = { out: '', err: '' }
  const exitCode = await run(args, {
    env,
    out: (text) => (written.out += text),
    err: (text) => (written.err += text),
    isTerminal,
    version: '0.0.0',
    user: 'jürgen',
    signal: new AbortController().signal,
  })
  return { exitCode, ...written }
}

const accepted = {
  command_id: 'c',
  command_type: 't',
  status: 'accepted',
  stream: 's',
  revision: 3,
  events: ['journey.started'],
  error: null,
}
const problem = (status: number, code: string) => ({
  status,
  body: {
    status,
    code,
    title: 'T',
    detail: 'It is so',
    errors: [{ field: 'reason', code: 'text', message: 'reason is missing' }],
  },
})

describe('the command line', () => {
  it('ends 2 on wrong usage and says what is wrong', async () => {
    for (const args of [
      [],
      ['bogus'],
      ['start'],
      ['start', '--client-id=c'],
      ['start', '--client-id=c', '--data-sources=,'],
      ['start', '--client-id=c', '--data-sources=a', '--parameters=[]'],
      ['rollback', '--client-id=c'],
      ['status', '--client-id=c', '--nonsense'],
      ['status', '--client-id=c', '--format=xml'],
      ['status', '--client-id=c', '--api=ftp://x'],
      ['uow-status', '--client-id=c', '--stage=moon'],
    ]) {
      const { exitCode, err, out } = await cli(args)
      expect([args, exitCode]).to.deep.equal([args, 2])
      expect(err + out, args.join(' ')).not.to.equal('')
    }
  })

  it('ends 0 after help', async () => {
    const { exitCode, out } = await cli(['--help'])
    expect(exitCode).to.equal(0)
    expect(out).to.contain('validate-exit')
  })

  it('ends 3 when no server answers, or something else does', async () => {
    const nobody = await cli(['list', '--api=http://127.0.0.1:9'])
    expect(nobody.exitCode).to.equal(3)
    expect(nobody.err).to.contain('npm start')
    await withServer(
      () => ({ status: 200, body: '<html>' }),
      async (url) => {
        expect((await cli(['list', `--api=${url}`])).exitCode).to.equal(3)
      },
    )
  })

  it('ends 1 when it is refused, and tells every reason', () =>
    withServer(
      () => problem(409, 'journey/held'),
      async (url) => {
        const { exitCode, err } = await cli(['promote', '--client-id=c', `--api=${url}`])
        expect(exitCode).to.equal(1)
        expect(err).to.equal('It is so (journey/held)\n  reason: reason is missing\n')
        const json = await cli(['promote', '--client-id=c', `--api=${url}`, '--format=json'])
        expect(JSON.parse(json.err)).to.deep.include({ code: 'journey/held' })
      },
    ))

  it('sends each verb where it belongs, with who asks, and waits for the outcome', () =>
    withServer(
      () => ({ status: 200, body: accepted }),
      async (url, asked) => {
        const sent = async (...args: string[]): Promise<[path: string, body: unknown]> => {
          expect(await cli([...args, `--api=${url}`])).to.deep.include({ exitCode: 0 })
          const last = asked.at(-1)!
          expect(last.method).to.equal('POST')
          expect(last.query).to.deep.equal({ wait: '30' })
          return [last.path.replace('/api/v1', ''), last.body]
        }
        expect(
          await sent('start', '--client-id=client-123', '--data-sources=salesforce,jira, confluence'),
        ).to.deep.equal(['/journeys', { client_id: 'client-123', data_sources: ['salesforce', 'jira', 'confluence'] }])
        expect(await sent('promote', '--client-id=c')).to.deep.equal(['/journeys/c/promote', {}])
        expect(
          await sent('rollback', '--client-id=c', '--to-stage=sandbox', '--reason=Re-testing required'),
        ).to.deep.equal(['/journeys/c/rollback', { to_stage: 'sandbox', reason: 'Re-testing required' }])
        for (const verb of ['hold', 'release', 'cancel'])
          expect(await sent(verb, '--client-id=a/b', '--reason=r')).to.deep.equal([
            `/journeys/a%2Fb/${verb}`,
            { reason: 'r' },
          ])
        expect(await sent('complete', '--client-id=c')).to.deep.equal(['/journeys/c/complete', {}])
        expect(await sent('retry-tasks', '--work-id=uow-123', '--task=t')).to.deep.equal([
          '/units-of-work/uow-123/retry',
          { task_id: 't' },
        ])
        expect(await sent('approve', '--work-id=w', '--task=t', '--comment=fine')).to.deep.equal([
          '/approvals/w/t',
          { decision: 'approve', comment: 'fine' },
        ])
        expect(await sent('reject', '--work-id=w', '--task=t')).to.deep.equal([
          '/approvals/w/t',
          { decision: 'reject' },
        ])
        expect(Buffer.from(String(asked[0]?.headers['x-actor']), 'latin1').toString()).to.equal('jürgen')
      },
    ))

  it('ends 1 when no agent is alive, 0 when one is', () => {
    const agent = { agent_id: 'a', name: 'a', intents: ['x'], last_heartbeat: null, active_tasks: null, alive: false }
    return withServer(
      ({ query }) => ({
        status: 200,
        body: { items: query.intent === 'x' ? [agent, { ...agent, alive: true }] : [agent], next_cursor: null },
      }),
      async (url) => {
        expect((await cli(['check-agents', '--intent=x', `--api=${url}`])).exitCode).to.equal(0)
        expect((await cli(['check-agents', '--intent=y', `--api=${url}`])).exitCode).to.equal(1)
      },
    )
  })

  it('validates an exit: waits for the evaluation that it asked for, tells every check, and ends 1 unless it passes', () => {
    const check = (verdict: string) => ({
      check_id: 'search_quality',
      verdict,
      passed: verdict === 'pass',
      comparisons: [{ measurement: 'precision', value: 0.75, operator: 'min', threshold: 0.8 }],
      message: '',
    })
    const evaluation = (revision: number, verdict: string) => ({
      revision,
      stage: 'sandbox',
      verdict,
      checks: [check(verdict)],
    })
    const withVerdict = (verdict: string, use: (exitCode: number, out: string) => void) => {
      let polls = 0
      return withServer(
        ({ method }) => {
          if (method === 'POST') return { status: 200, body: accepted }
          const old = evaluation(2, 'pass')
          return { status: 200, body: { evaluations: polls++ === 0 ? [old] : [evaluation(4, verdict), old] } }
        },
        async (url) => {
          const { exitCode, out } = await cli(['validate-exit', '--client-id=c', `--api=${url}`])
          use(exitCode, out)
        },
      )
    }
    return withVerdict('fail', (exitCode, out) => {
      expect(exitCode).to.equal(1)
      expect(out).to.match(/search_quality +fail +precision 0\.75 +≥ 0\.8/)
      expect(out).to.contain('Exit of sandbox: fail')
    }).then(() => withVerdict('pass', (exitCode) => expect(exitCode).to.equal(0)))
  })

  it('reads every page of a list', () => {
    const event = (n: number) => ({
      event_type: 'x.y',
      timestamp: '2026-01-27T10:00:00.000Z',
      actor: { id: 'a' },
      data: {},
      revision: n,
    })
    return withServer(
      ({ query }) =>
        query.cursor === 'next'
          ? { status: 200, body: { items: [event(2)], next_cursor: null } }
          : { status: 200, body: { items: [event(1)], next_cursor: 'next' } },
      async (url) => {
        const { out } = await cli(['history', '--client-id=client-123', '--format=json', `--api=${url}`])
        expect((JSON.parse(out) as { revision: number }[]).map(({ revision }) => revision)).to.deep.equal([1, 2])
      },
    )
  })

  it('is coloured on a terminal alone, and not where that is not wanted', () => {
    const journey = {
      client_id: 'c',
      current_stage: 'pilot',
      status: 'active',
      stage_started_at: '2026-01-27T10:00:00.000Z',
      waiting_for: [],
    }
    return withServer(
      () => ({ status: 200, body: { items: [journey], next_cursor: null } }),
      async (url) => {
        const coloured = async (env: Record<string, string>, isTerminal: boolean) =>
          (await cli(['list', `--api=${url}`], env, isTerminal)).out.includes('\u001b[')
        expect([
          await coloured({}, true),
          await coloured({}, false),
          await coloured({ NO_COLOR: '1' }, true),
        ]).to.deep.equal([true, false, false])
      },
    )
  })
})

describe('the server that is talked to', () => {
  const empty = () => ({ status: 200, body: { items: [], next_cursor: null } })
  const tokens = (asked: readonly Asked[]) => asked.map(({ headers }) => headers.authorization)

  it('is the one that is named, then the one of the environment, with its token', () =>
    withServer(empty, async (url, asked) => {
      await cli(['list', `--api=${url}/`], { JOURNEY_API_URL: 'http://127.0.0.1:9', JOURNEY_API_TOKEN: 'one' })
      await cli(['list'], { JOURNEY_API_URL: url })
      expect(tokens(asked)).to.deep.equal(['Bearer one', undefined])
    }))

  it('is else the npm start that runs from this folder, with the token it made', () =>
    withServer(empty, async (url, asked) => {
      const stateDir = mkdtempSync(join(tmpdir(), 'journey-cli-'))
      const token_file = join(stateDir, 'token')
      writeFileSync(token_file, 'made\n')
      writeFileSync(join(stateDir, 'endpoints.json'), JSON.stringify({ api: url, amqp: '', token_file }))
      try {
        await cli(['list'], { JOURNEY_STATE_DIR: stateDir })
        await cli(['list'], { JOURNEY_STATE_DIR: stateDir, JOURNEY_API_TOKEN: 'own' })
        expect(tokens(asked)).to.deep.equal(['Bearer made', 'Bearer own'])
      } finally {
        rmSync(stateDir, { recursive: true })
      }
    }))
})

describe('the configuration in effect', () => {
  const configDir = new URL('../../../infra/config', import.meta.url).pathname
  type Entries = { name: string; value: unknown; origin: string }[]

  it('tells each value, where it came from, and no secret', async () => {
    const env = {
      JOURNEY_CONFIG_DIR: configDir,
      RABBITMQ_PASS: 'hush-1',
      DATABASE_URL: 'postgres://user:hush-2@db/journeys',
      SANDBOX_EXIT_SEARCH_QUALITY_MIN: '0.9',
    }
    const { exitCode, out } = await cli(['config', 'print', '--format=json'], env)
    const entries = JSON.parse(out) as Entries
    const of = (name: string) => entries.filter((entry) => entry.name === name)

    expect(exitCode).to.equal(0)
    expect(out).not.to.contain('hush')
    expect(of('DATABASE_URL')).to.deep.equal([
      { name: 'DATABASE_URL', value: 'postgres://user:***@db/journeys', origin: 'environment' },
    ])
    expect(of('JOURNEY_PROJECTOR_BATCH')[0]).to.deep.include({ value: 200, origin: 'default' })
    expect(of('RABBITMQ_PORT')[0]).to.deep.include({ value: 5672, origin: 'default' })
    expect(of('orchestrator.max_concurrent_journeys')[0]).to.deep.include({ value: 100, origin: configDir })
    expect(of('stages.sandbox.search_quality.min_precision')[0]).to.deep.include({
      value: 0.9,
      origin: 'environment (SANDBOX_EXIT_SEARCH_QUALITY_MIN)',
    })
  })

  it('ends 1 with every problem when it cannot be read', async () => {
    const { exitCode, err } = await cli(['config', 'print'], { JOURNEY_CONFIG_DIR: '/nowhere' })
    expect(exitCode).to.equal(1)
    expect(err).to.contain('/nowhere')
  })
})
