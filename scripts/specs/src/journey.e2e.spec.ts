import { expect } from 'chai'
import { randomUUID } from 'node:crypto'
import { approved, freshClient, historyOf, journeyOf, start, untilJourney, untilSetUp, worksOf } from './journeys.js'
import { startSystem, until, type System } from './system.js'

describe('a client’s journey through the whole system', () => {
  let system: System
  before(async () => {
    system = await startSystem({ JOURNEY_UOW_TASK_TIMEOUT: '3' })
  })
  after(() => system.stop())

  const release = (client_id: string) => system.bus.command('journey.release', { client_id, reason: 'seen' })

  it('goes from a command on the bus to production, and everybody can read of it', async () => {
    const client = freshClient()
    const heard = await system.bus.listen('#')
    const answer = await start(system, client)
    expect(answer).to.deep.include({
      status: 'accepted',
      stream: `journey-${client}`,
      revision: 0,
      events: ['journey.started'],
      error: null,
    })
    await untilSetUp(system, client)

    const journey = await untilJourney(
      system,
      client,
      'waits for its success metrics',
      ({ gate }) => gate?.last?.verdict !== undefined,
    )
    expect(journey).to.deep.include({
      client_id: client,
      current_stage: 'production',
      previous_stage: 'pilot',
      status: 'active',
      episode: 1,
      completed_stages: ['sandbox', 'pilot'],
    })
    const transitions = (await system.get(`/journeys/${client}/transitions`)).body.items
    expect(
      transitions.map(({ from_stage, to_stage, initiated_by }: Record<string, string>) => [
        from_stage,
        to_stage,
        initiated_by,
      ]),
    ).to.have.deep.members([
      ...(transitions.length === 3
        ? [
            [
              null,
              'sandbox',
              transitions.find(({ from_stage }: { from_stage: string | null }) => from_stage === null).initiated_by,
            ],
          ]
        : []),
      ['sandbox', 'pilot', 'system'],
      ['pilot', 'production', 'system'],
    ])
    const works = await worksOf(system, client, 'sandbox')
    const setup = works.find(({ kind }) => kind === 'setup')
    expect(
      setup.tasks.map(({ task_id, status, retry_count }: Record<string, unknown>) => [task_id, status, retry_count]),
    ).to.deep.equal(
      ['provision_infra', 'install_connectors', 'provision_test_data', 'run_security_scan'].map((id) => [
        id,
        'completed',
        0,
      ]),
    )
    expect(setup.tasks[1].input).to.have.property('environment_id', setup.tasks[0].output.environment_id)
    const checks = (await system.get(`/journeys/${client}/exit-criteria`)).body
    expect(JSON.stringify(checks)).to.include('search_quality')

    const history = await historyOf(system, client)
    expect(history[0]).to.deep.include({ event_type: 'journey.started' })
    const own = heard.filter(({ event }) => event.data.client_id === client)
    expect(new Set(own.map(({ key }) => key))).to.include.members([
      'journey.started',
      'unit_of_work.created',
      'task.execution_started',
      'approval.requested',
      'approval.decided',
      'journey.stage_promoted',
    ])
    for (const { key, event, properties } of own) {
      expect(properties).to.include({
        messageId: event.event_id,
        type: key,
        contentType: 'application/json',
        deliveryMode: 2,
        timestamp: Math.floor(Date.parse(event.timestamp) / 1000),
      })
      expect(properties.headers).to.include({
        'schema-version': event.event_version,
        stream: event.metadata.stream,
        revision: event.metadata.revision,
        position: event.metadata.position,
        'partition-key': `journey-${client}`,
      })
    }
    for (const stream of new Set(own.map(({ event }) => event.metadata.stream as string))) {
      const revisions = own
        .filter(({ event }) => event.metadata.stream === stream)
        .map(({ event }) => event.metadata.revision as number)
      expect([...new Set(revisions)], stream).to.deep.equal(
        Array.from({ length: Math.max(...revisions) + 1 }, (_, n) => n),
      )
    }
  })

  it('goes all the way with parameters as large as a command may bring, or as many users as its agents can answer with', async () => {
    const [client, crowded] = [freshClient('large'), freshClient('crowded')]
    await start(system, client, { ...approved, large: 'x'.repeat(255 * 1024) })
    const users = Array.from({ length: 620 }, (_, n) => `${n}-`.padEnd(320, 'x')) // 196 KiB
    await system.bus.command('journey.start', {
      ...{ client_id: crowded, data_sources: ['jira'], parameters: approved },
      users,
    })
    for (const one of [client, crowded]) {
      await untilSetUp(system, one)
      expect((await system.get(`/dead-letters?client_id=${one}`)).body.items).to.deep.equal([])
    }
  })

  it('gives a repeated command its first answer, a refusal too, and refuses its id to another', async () => {
    const client = freshClient()
    const command_id = randomUUID()
    const data = { client_id: client, data_sources: ['jira'], parameters: approved }
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => system.bus.command('journey.start', data, { command_id })),
    )
    for (const answer of answers) expect(answer).to.deep.equal(answers[0])
    expect(answers[0]).to.deep.include({ status: 'accepted', revision: 0 })
    const other = await system.bus.command('journey.start', { ...data, client_id: freshClient() }, { command_id })
    expect(other).to.deep.include({ status: 'rejected' })
    expect(other.error?.code).to.equal('command/key_reused')
    const refused = randomUUID()
    const first = await system.bus.command('journey.promote', { client_id: client }, { command_id: refused })
    expect(first.error?.code).to.match(/^journey\//)
    expect(await system.bus.command('journey.promote', { client_id: client }, { command_id: refused })).to.deep.equal(
      first,
    )
    expect((await system.get(`/commands/${refused}`)).body).to.deep.equal(first)
  })

  it('starts one journey of twenty at once for one client', async () => {
    const client = freshClient()
    const answers = await Promise.all(Array.from({ length: 20 }, () => start(system, client)))
    expect(answers.filter(({ status }) => status === 'accepted')).to.have.lengthOf(1)
    expect(new Set(answers.flatMap(({ error }) => error?.code ?? []))).to.deep.equal(
      new Set(['journey/already_active']),
    )
  })

  it('waits for the demo approval, says so, and goes on with it', async () => {
    const client = freshClient()
    await start(system, client, {})
    const journey = await untilJourney(system, client, 'waits for an approval', ({ waiting_for }) =>
      waiting_for?.some(({ kind }: { kind: string }) => kind === 'approval'),
    )
    expect(journey.current_stage).to.equal('sandbox')
    const open = (await system.get('/approvals?open=true')).body.items.find(
      ({ client_id }: { client_id: string }) => client_id === client,
    )
    const decided = await system.post(
      `/approvals/${open.work_id}/${open.task_id}?wait=20`,
      { decision: 'approve', comment: 'well done' },
      { 'x-actor': 'dana' },
    )
    expect(decided.status).to.equal(200)
    await untilSetUp(system, client)
  })

  it('stays where it is when a check fails, names it, and goes on when it is measured better', async () => {
    const client = freshClient()
    await start(system, client, {
      ...approved,
      simulate: { validate_search_quality: { measurements: { precision: 0.5 } } },
    })
    const journey = await untilJourney(system, client, 'fails its gate', ({ gate }) => gate?.last?.verdict === 'fail')
    expect(journey.current_stage).to.equal('sandbox')
    expect(journey.waiting_for.find(({ kind }: { kind: string }) => kind === 'exit_criteria')).to.have.property(
      'next_at',
    )
    const refused = await system.post(`/journeys/${client}/promote?wait=10`, {})
    expect(refused.status).to.equal(409)
    expect(refused.body).to.include({ code: 'journey/exit_criteria_not_passed' })
    expect(JSON.stringify(refused.body.errors)).to.include('search_quality')
  })

  it('shows what is inconclusive and what is in error as such', async () => {
    const [few, broken] = [freshClient(), freshClient()]
    await start(system, few, {
      ...approved,
      simulate: { validate_search_quality: { measurements: [{ name: 'precision', value: 0.99, sample_size: 3 }] } },
    })
    await start(system, broken, {
      ...approved,
      simulate: { validate_security_scan: { fail_times: 9, code: 'scanner/down' } },
    })
    await untilJourney(system, few, 'is inconclusive', ({ gate }) => gate?.last?.verdict === 'inconclusive')
    await untilJourney(system, broken, 'is in error', ({ gate }) => gate?.last?.verdict === 'error')
  })

  it('tries a failing task again until it works, and tells how often', async () => {
    const client = freshClient()
    await start(system, client, { ...approved, simulate: { run_security_scan: { fail_times: 1 } } })
    await untilSetUp(system, client)
    const [setup] = (await worksOf(system, client, 'sandbox')).filter(({ kind }) => kind === 'setup')
    expect(setup.tasks[3]).to.include({ task_id: 'run_security_scan', status: 'completed', retry_count: 1 })
  })

  it('leaves a set-up that failed for good to be retried by hand', async () => {
    const client = freshClient()
    await start(system, client, { ...approved, simulate: { run_security_scan: { fail_times: 2 } } })
    const failed = await until('the set-up fails', async () =>
      (await worksOf(system, client, 'sandbox')).find(({ status }) => status === 'failed'),
    )
    expect((await system.post(`/units-of-work/${failed.work_id}/retry?wait=20`, {})).status).to.equal(200)
    await untilSetUp(system, client)
  })

  it('gives a task that nobody answers up after its time, and tries again', async () => {
    const client = freshClient()
    await start(system, client, { ...approved, simulate: { run_security_scan: { delay_ms: 60_000 } } })
    await until('an attempt times out', async () =>
      (await historyOf(system, client)).find(
        ({ event_type, data }) => event_type === 'task.execution_failed' && data.code === 'task/timed_out',
      ),
    )
    await system.bus.command('journey.cancel', { client_id: client, reason: 'seen' })
  })

  it('rolls back, undoing what was done, and is held until somebody releases it', async () => {
    const client = freshClient()
    await start(system, client, {
      ...approved,
      simulate: { validate_user_satisfaction: { measurements: { score: 1 } } },
    })
    await untilJourney(
      system,
      client,
      'is in pilot',
      ({ current_stage, gate }) => current_stage === 'pilot' && gate?.last?.verdict === 'fail',
    )
    const heard = await system.bus.listen('journey.*')
    const answer = await system.bus.command('journey.rollback', { client_id: client, reason: 'critical bug' })
    expect(answer).to.deep.include({ status: 'accepted', events: ['journey.rollback_initiated'] })
    const journey = await untilJourney(
      system,
      client,
      'is back in the sandbox',
      ({ current_stage, gate, status }) =>
        status === 'active' && current_stage === 'sandbox' && gate?.last?.verdict === 'pass',
    )
    expect(journey.visit).to.equal(2)
    expect(journey.waiting_for.map(({ kind }: { kind: string }) => kind)).to.include('hold')
    const undone = (await worksOf(system, client)).find(({ kind }) => kind === 'rollback')
    expect(undone.tasks.map(({ intent }: { intent: string }) => intent)).to.include.members(['teardown_dataset'])
    const own = heard.filter(({ event }) => event.data.client_id === client)
    expect(own.map(({ key }) => key)).to.include.members(['journey.rollback_initiated', 'journey.rollback_completed'])
    expect((await release(client)).events).to.deep.equal(['journey.promotion_released', 'journey.stage_promoted'])
  })

  it('rolls back by itself when the pilot cannot be set up', async () => {
    const client = freshClient()
    await start(system, client, {
      ...approved,
      simulate: { configure_user_access: { fail_times: 1, code: 'directory/gone', retryable: false } },
    })
    const initiated = await until('a rollback', async () =>
      (await historyOf(system, client)).find(({ event_type }) => event_type === 'journey.rollback_initiated'),
    )
    expect(initiated.data).to.include({ initiated_by: 'system', to_stage: 'sandbox' })
    await untilJourney(
      system,
      client,
      'is back in the sandbox',
      ({ current_stage, held }) => current_stage === 'sandbox' && held !== null,
    )
  })

  it('is held and released, cancelled, and begun again as another episode', async () => {
    const client = freshClient()
    await start(system, client, {})
    expect((await system.bus.command('journey.hold', { client_id: client, reason: 'audit' })).events).to.deep.equal([
      'journey.promotion_held',
    ])
    expect((await system.bus.command('journey.hold', { client_id: client, reason: 'audit' })).events).to.deep.equal([])
    expect((await release(client)).events).to.deep.equal(['journey.promotion_released'])
    expect((await system.bus.command('journey.cancel', { client_id: client, reason: 'enough' })).status).to.equal(
      'accepted',
    )
    await untilJourney(
      system,
      client,
      'is cancelled',
      ({ current_stage, status }) => status === 'cancelled' && current_stage === 'cancelled',
    )
    expect((await system.bus.command('journey.hold', { client_id: client, reason: 'x' })).error?.code).to.equal(
      'journey/cancelled',
    )
    expect((await start(system, client)).status).to.equal('accepted')
    await untilSetUp(system, client)
    expect((await journeyOf(system, client)).episode).to.equal(2)
  })

  it('is completed from production once its success metrics pass', async () => {
    const client = freshClient()
    await start(system, client)
    await untilJourney(
      system,
      client,
      'passes its success metrics',
      ({ current_stage, gate }) => current_stage === 'production' && gate?.last?.verdict === 'pass',
    )
    const done = await system.post(`/journeys/${client}/complete?wait=20`, { reason: 'all well' })
    expect([done.status, done.body.events]).to.deep.equal([200, ['journey.completed']])
    expect((await journeyOf(system, client)).current_stage).to.equal('completed')
  })
})

describe('a system without agents', () => {
  let system: System
  before(async () => {
    system = await startSystem({ JOURNEY_AGENTS: 'off', JOURNEY_MAX_CONCURRENT: '2', JOURNEY_UOW_TASK_TIMEOUT: '1' })
  })
  after(() => system.stop())

  it('keeps tasks waiting without using attempts up, says so, and lets an agent from outside do them', async () => {
    const client = freshClient()
    await start(system, client)
    await untilJourney(system, client, 'waits for an agent', ({ waiting_for }) =>
      waiting_for?.some(
        ({ kind, who }: { kind: string; who: string }) => kind === 'agent' && who === 'provision_sandbox_environment',
      ),
    )
    const { channel } = system.bus
    const taken: { attempt: number; deadline: string; input: { data_sources: string[] } }[] = []
    await channel.consume(
      'tasks.provision_sandbox_environment',
      (message) => {
        if (!message) return
        const task = JSON.parse(message.content.toString())
        taken.push(task)
        const { work_id, task_id, attempt, token } = task
        const body = {
          command_id: `${work_id}:${task_id}:${attempt}`,
          command_type: 'task.complete',
          data: {
            work_id,
            task_id,
            attempt,
            token,
            output: { environment_id: 'env-9', status: 'ready' },
            agent_id: 'outsider',
          },
        }
        system.bus.send('task.complete', JSON.stringify(body))
        channel.ack(message)
      },
      { consumerTag: 'first-agent' },
    )
    const registered = await system.bus.command('agent.register', {
      agent_id: 'outsider',
      name: 'Outsider',
      intents: ['provision_sandbox_environment'],
    })
    expect(registered).to.deep.include({ status: 'accepted', events: ['agent.created'] })
    const [setup] = await until('the first task is done', async () => {
      const works = await worksOf(system, client, 'sandbox')
      return works[0]?.tasks[0].status === 'completed' && works
    })
    expect(setup.tasks[0]).to.deep.include({
      agent_id: 'outsider',
      output: { environment_id: 'env-9', status: 'ready' },
      retry_count: 0,
    })
    expect(taken).to.have.lengthOf(1)
    expect(taken[0]).to.include({ attempt: 1 })
    const agents = (await system.get('/agents?intent=provision_sandbox_environment')).body.items
    expect(agents.map(({ agent_id }: { agent_id: string }) => agent_id)).to.deep.equal(['outsider'])
  })

  it('records the result of an attempt that is over as late, once, and does not apply it', async () => {
    const client = freshClient()
    const { channel } = system.bus
    const attempts: { work_id: string; task_id: string; attempt: number; token: string }[] = []
    await channel.cancel('first-agent')
    await channel.consume(
      'tasks.provision_sandbox_environment',
      (message) => {
        if (!message) return
        attempts.push(JSON.parse(message.content.toString()))
        channel.ack(message)
      },
      { consumerTag: 'silent-agent' },
    )
    await start(system, client)
    await until('a second attempt', () => Promise.resolve(attempts.some(({ attempt }) => attempt === 2)))
    const { work_id, task_id, attempt, token } = attempts[0]!
    const late = { work_id, task_id, attempt, token, output: { environment_id: 'late' } }
    expect((await system.bus.command('task.complete', late)).events).to.deep.equal(['task.late_result_recorded'])
    expect((await system.bus.command('task.complete', late)).events).to.deep.equal([])
    expect((await system.bus.command('task.complete', { ...late, token: 'guessed' })).error?.code).to.equal(
      'task/unknown_token',
    )
    const [setup] = await worksOf(system, client, 'sandbox')
    expect(setup.tasks[0].status).not.to.equal('completed')
    await channel.cancel('silent-agent')
    await system.bus.command('journey.cancel', { client_id: client, reason: 'seen' })
  })

  it('lets no more journeys work than it may, and shows which wait', async () => {
    const clients = [freshClient(), freshClient(), freshClient()]
    for (const client of clients) expect((await start(system, client)).status).to.equal('accepted')
    const waiting = await until('one waits for room', async () => {
      const journeys = await Promise.all(clients.map((client) => journeyOf(system, client)))
      const all = journeys.filter((journey) =>
        journey?.waiting_for?.some(({ kind }: { kind: string }) => kind === 'capacity'),
      )
      return all.length === 2 && all
    })
    expect(waiting[0].status).to.equal('active')
  })
})
