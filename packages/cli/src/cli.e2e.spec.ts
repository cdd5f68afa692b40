import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createStack, removeState, type Stack } from '@journey/embedded'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import type { Journey, UnitOfWork } from './answers.js'
import { runDemo } from './demo.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const bin = join(root, 'packages/cli/bin/journey-cli.mjs')

describe('the command line beside a running system', () => {
  let stack: Stack
  let stateDir: string
  before(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'journey-cli-'))
    chmodSync(stateDir, 0o711) // the servers' accounts have to get through
    const env = { PATH: process.env.PATH, JOURNEY_API_PORT: '', JOURNEY_AGENTS_DELAY_MS: '5', LOG_LEVEL: 'warn' }
    stack = createStack({ root, stateDir, env, log: silentLog() })
    await stack.start()
  })
  after(async () => {
    await stack.stop()
    await removeState(stateDir)
  })

  const cli = (...args: string[]) =>
    new Promise<{ exitCode: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env.PATH, JOURNEY_STATE_DIR: stateDir }
      execFile(process.execPath, [bin, ...args], { env }, (error, out, err) =>
        resolve({ exitCode: error ? Number(error.code) : 0, out, err }),
      )
    })
  const json = async <T>(...args: string[]) => JSON.parse((await cli(...args, '--format=json')).out) as T

  const until = async <T>(ask: () => Promise<T | undefined | false>): Promise<T> => {
    for (const end = Date.now() + 60_000; Date.now() < end;) {
      const answer = await ask()
      if (answer) return answer
    }
    throw new Error('not within 60 s')
  }
  const status = (clientId: string) => json<Journey>('status', `--client-id=${clientId}`)

  /** The open approval of a client, once every other check was measured. */
  const approvalOf = (clientId: string) =>
    until(async () => {
      const waiting = (await status(clientId)).waiting_for
      return waiting.every(({ kind }) => kind === 'approval') && waiting[0]
    })

  it('shows the demo up to the end of production’s set-up, and starts no second one', async () => {
    const show = async () => {
      let text = ''
      const endpoints = stack.endpoints()
      const signal = AbortSignal.timeout(120_000)
      return { ...(await runDemo({ endpoints, signal, out: { write: (more) => (text += more) } })), text }
    }
    const first = await show()
    expect(first.done).to.equal(true)
    for (const told of [
      'journey.start for demo-client is on the bus',
      'Provision Infrastructure',
      'provisioning-agent',
      'precision 0.92 ≥ 0.8',
      'waits for a decision',
      'approved by demo',
      '★ promoted from sandbox to pilot',
      '★ promoted from pilot to production',
      'demo-client is in production, all set up, after',
    ])
      expect(first.text).to.contain(told)
    expect(first.text.indexOf('waits for the client’s decision'.replace('’', "'"))).to.be.lessThan(
      first.text.indexOf('approved by demo'),
    )

    const second = await show()
    expect(second).to.deep.include({ done: true, seconds: null })
    expect(second.text).to.contain('was brought through before')
    expect(await status('demo-client')).to.deep.include({ episode: 1, stage: 'production' })
  })

  it('starts, steers and explains a journey', async () => {
    expect(
      (await cli('start', '--client-id=client-123', '--data-sources=salesforce,jira,confluence')).exitCode,
    ).to.equal(0)
    const again = await cli('start', '--client-id=client-123', '--data-sources=salesforce')
    expect([again.exitCode, again.err]).to.deep.equal([
      1,
      'Client client-123 already has a journey under way, in sandbox (journey/already_active)\n',
    ])
    const { work_id, task_id } = await approvalOf('client-123')
    expect((await cli('status', '--client-id=client-123')).out).to.contain('journey-cli approve')
    expect((await cli('validate-exit', '--client-id=client-123')).exitCode).to.equal(1)

    const works = await json<UnitOfWork[]>('uow-status', '--client-id=client-123', '--stage=sandbox')
    expect(works[0]?.tasks.map(({ status, retry_count }) => [status, retry_count])).to.deep.equal(
      Array.from({ length: 4 }, () => ['completed', 0]),
    )
    expect((await cli('check-agents', '--intent=provision_test_dataset')).exitCode).to.equal(0)
    expect((await cli('check-agents', '--intent=nobody_does')).exitCode).to.equal(1)

    expect((await cli('hold', '--client-id=client-123', '--reason=audit')).exitCode).to.equal(0)
    expect((await cli('approve', `--work-id=${work_id ?? ''}`, `--task=${task_id ?? ''}`)).exitCode).to.equal(0)
    const held = await cli('promote', '--client-id=client-123')
    expect([held.exitCode, held.err]).to.deep.include(1)
    expect((await cli('release', '--client-id=client-123', '--reason=seen')).exitCode).to.equal(0)

    await until(async () => (await status('client-123')).waiting_for.some(({ kind }) => kind === 'completion'))
    expect((await cli('validate-exit', '--client-id=client-123')).exitCode).to.equal(0)
    const far = await cli('rollback', '--client-id=client-123', '--to-stage=sandbox', '--reason=Re-testing required')
    expect([far.exitCode, far.err]).to.satisfy(
      ([code, err]: [number, string]) => code === 1 && err.includes('journey/rollback_not_adjacent'),
    )
    expect((await cli('complete', '--client-id=client-123')).exitCode).to.equal(0)
    const watched = await cli('watch', '--client-id=client-123')
    expect([watched.exitCode, watched.out.trimEnd().split('\n').at(-1)]).to.satisfy(
      ([code, line]: [number, string]) => code === 0 && line.includes('completed by'),
    )
  })

  it('has failed tasks done again, and those alone', async () => {
    const simulate = { run_security_scan: { fail_times: 2, code: 'spec' } }
    const parameters = JSON.stringify({ simulate, auto_approve: true })
    await cli('start', '--client-id=client-7', '--data-sources=jira', `--parameters=${parameters}`)
    const { work_id } = await until(async () =>
      (await status('client-7')).waiting_for.find(({ kind }) => kind === 'failed_work'),
    )
    expect((await cli('retry-tasks', `--work-id=${work_id ?? ''}`)).exitCode).to.equal(0)
    const [setup] = await until(async () => {
      const works = await json<UnitOfWork[]>('uow-status', '--client-id=client-7', '--stage=sandbox')
      return works[0]?.status === 'completed' && works
    })
    expect(setup?.tasks.map(({ task_id, attempts }) => [task_id, attempts.length])).to.deep.equal([
      ['provision_infra', 1],
      ['install_connectors', 1],
      ['provision_test_data', 1],
      ['run_security_scan', 3],
    ])
    expect((await cli('retry-tasks', '--work-id=uow-123')).exitCode).to.equal(1)
  })
})
