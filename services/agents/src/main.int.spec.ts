import { exchanges, type CommandEnvelope } from '@journey/contracts'
import { testVhost } from '@journey/embedded/testing'
import { openTestBroker } from '@journey/messaging/testing'
import { expect } from 'chai'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { roster } from './roster.js'

const run = (env: NodeJS.ProcessEnv) => {
  const child: ChildProcess = fork(fileURLToPath(new URL('main.js', import.meta.url)), { env, silent: true })
  const said = { out: '', err: '' }
  child.stdout?.on('data', (chunk) => (said.out += String(chunk)))
  child.stderr?.on('data', (chunk) => (said.err += String(chunk)))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, said, ended }
}

const taskFor = (intent: string, input: object, parameters: object = {}) => ({
  work_id: 'work-1',
  task_id: intent,
  attempt: 1,
  token: 'token-1',
  idempotency_key: `work-1:${intent}`,
  intent,
  client_id: 'client-123',
  stage: 'sandbox',
  deadline: new Date(Date.now() + 60_000).toISOString(),
  input,
  parameters,
  source_agent: { agent_id: 'journey-orchestrator' },
  target_agent: null,
})

describe('the process of the reference agents', () => {
  it('registers all of them, does their tasks, and stops when told', async () => {
    const vhost = await testVhost()
    const broker = await openTestBroker(vhost.url)
    await broker.channel.assertExchange(exchanges.commands.name, exchanges.commands.type)
    const registrations = await broker.collect(exchanges.commands.name, 'agent.register')
    const answers = await broker.collect(exchanges.commands.name, 'task.*')
    const { child, ended, said } = run({
      RABBITMQ_URL: vhost.url,
      LOG_LEVEL: 'warn',
      JOURNEY_AGENTS_DELAY_MS: '1',
      JOURNEY_AGENTS_MEASUREMENTS: '{"precision":0.7}',
    })
    try {
      const agents = roster({ measurements: {}, now: () => new Date() })
      const registered = await registrations.until(agents.length)
      expect(registered.map(({ body }) => (JSON.parse(body.toString()) as CommandEnvelope).source)).to.have.members(
        agents.map(({ id }) => id),
      )
      const give = (intent: string, input: object, parameters?: object) =>
        broker.publish(exchanges.tasks.name, intent, taskFor(intent, input, parameters))
      await give('provision_sandbox_environment', { client_id: 'client-123', data_sources: ['jira'] })
      await give('validate_search_quality', { sample_queries: 100 })
      await give('setup_monitoring', {}, { simulate: { setup_monitoring: { fail_times: 1, code: 'monitoring/away' } } })
      const all = (await answers.until(3)).map(({ body }) => JSON.parse(body.toString()) as CommandEnvelope)
      const dataOf = (task_id: string) => all.find(({ data }) => data.task_id === task_id)?.data
      expect(dataOf('provision_sandbox_environment')).to.have.nested.property('output.status', 'ready')
      expect(dataOf('validate_search_quality')).to.have.nested.property('output.measurements[0].value', 0.7)
      expect(dataOf('setup_monitoring')).to.include({ code: 'monitoring/away', retryable: true })
    } finally {
      child.kill('SIGTERM')
      const code = await ended
      await broker.close()
      await vhost.drop()
      expect(code, said.out + said.err).to.equal(0)
    }
  })

  it('does not stay when it is switched off', async () => {
    const { ended, said } = run({ JOURNEY_AGENTS: 'off' })
    expect(await ended).to.equal(0)
    expect(said.out).to.include('JOURNEY_AGENTS is off')
  })

  it('does not start with wrong settings, and says which', async () => {
    const { ended, said } = run({ JOURNEY_AGENTS_FAILURE_RATE: 'often' })
    expect(await ended).to.equal(1)
    expect(said.err).to.include('JOURNEY_AGENTS_FAILURE_RATE')
  })
})
