import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { agentQueue, deadLetterQueueOf, exchanges, intentQueue, sagaQueue } from '@journey/contracts'
import { later, unitOfWorkStream } from '@journey/domain'
import { eventually, type Collection } from '@journey/messaging/testing'
import { openHouse, type House } from './testing/house.js'

const intent = 'install_connectors'
const now = () => new Date().toISOString()

describe('the saga-processor', function () {
  this.timeout(60_000)
  let house: House
  let commands: Collection
  beforeEach(async () => {
    house = await openHouse()
  })
  afterEach(() => house.close())

  const listen = async () => {
    commands = await house.broker.collect(exchanges.commands.name, '#')
  }
  const sent = (type: string) => commands.messages.filter(({ routingKey }) => routingKey === type)
  const bodyOf = ({ body }: { body: Buffer }) => JSON.parse(body.toString()) as { command_id: string; data: object }
  const ofTask = (work_id: string) => ({
    work_id,
    client_id: `client-of-${work_id}`,
    stage: 'sandbox' as const,
    kind: 'setup' as const,
    task_id: 'connectors',
  })
  const taskStarted = (work_id: string, attempt = 1, timeout_ms = 60_000, failed_agent: string | null = null) =>
    house.record(unitOfWorkStream(work_id), {
      type: 'TaskExecutionStarted',
      data: {
        ...ofTask(work_id),
        name: 'Connectors',
        intent,
        attempt,
        token: `token ${attempt}`,
        timeout_ms,
        input: {},
        target_agent: null,
        failed_agent,
      },
    })
  const dispatchOf = (work_id: string) =>
    house.db.selectFrom('dispatches').selectAll().where('work_id', '=', work_id).executeTakeFirst()
  it('makes one command of an event, under an id that follows from it, however often and wherever it is heard', async () => {
    await house.serve()
    await house.serve() // two side by side
    await listen()
    const started = await house.startJourney()
    await house.relay(started, started, started)
    const [create] = await commands.until(1)
    await house.relay(started)
    const other = await house.startJourney()
    await house.relay(other)
    await eventually(
      'the other is admitted',
      () => new Set(sent('unit_of_work.create').map((one) => bodyOf(one).command_id)).size === 2,
    )
    expect(sent('unit_of_work.create')).to.have.length(2)
    expect(bodyOf(create!).data).to.deep.include({ client_id: (started.data as { client_id: string }).client_id })
  })

  it('lets no more journeys work than it may, and has the others wait visibly', async () => {
    await house.serve({ JOURNEY_MAX_CONCURRENT: '1' })
    await listen()
    await house.relay(await house.startJourney(), await house.startJourney())
    const states = async () =>
      (await house.db.selectFrom('admissions').select('state').orderBy('state').execute()).map(({ state }) => state)
    await eventually('both are known', async () => (await states()).length === 2)
    await eventually('one works', async () => (await states()).includes('admitted'))
    expect(await states()).to.deep.equal(['admitted', 'waiting'])
    expect(sent('unit_of_work.create')).to.have.length(1)
  })

  it('keeps a task waiting while nobody offers its intent, and gives it to the shared queue once when somebody comes', async () => {
    await house.serve()
    await house.serve()
    const work = randomUUID()
    const started = await taskStarted(work)
    await house.relay(started, started)
    await eventually('it waits for an agent', async () => (await dispatchOf(work))?.waits_for === 'agent')
    expect(await dispatchOf(work)).to.deep.include({ state: 'waiting', attempt: 1, deadline: null })
    await house.agent('installer', [intent])
    await eventually('it is published', async () => (await dispatchOf(work))?.state === 'published')
    const task = await eventually('the task', () => house.broker.take(intentQueue(intent)))
    expect(JSON.parse(task.body.toString())).to.deep.include({ work_id: work, attempt: 1, token: 'token 1' })
    expect(await house.broker.depth(intentQueue(intent))).to.equal(0)
  })

  it('ends a task by its deadline and starts retries on time, also when it was away at that moment, each once', async () => {
    const first = await house.serve()
    await house.agent('installer', [intent])
    const [late, again] = [randomUUID(), randomUUID()]
    await house.relay(await taskStarted(late, 1, 300))
    const retry = { ...ofTask(again), attempt: 2, delay_ms: 300, retry_at: later(now(), 300) }
    await house.relay(await house.record(unitOfWorkStream(again), { type: 'TaskRetryScheduled', data: retry }))
    await eventually(
      'both timers are set',
      async () => (await house.db.selectFrom('timers').selectAll().execute()).length === 2,
    )
    await first.stop()
    await listen()
    await house.serve()
    await house.serve()
    await commands.until(2)
    await eventually(
      'no timer is left',
      async () => (await house.db.selectFrom('timers').selectAll().execute()).length === 0,
    )
    expect(sent('task.time_out').map((one) => bodyOf(one).data)).to.deep.equal([
      { work_id: late, task_id: 'connectors', attempt: 1 },
    ])
    expect(sent('task.start_retry').map((one) => bodyOf(one).data)).to.deep.equal([
      { work_id: again, task_id: 'connectors', attempt: 2 },
    ])
  })

  it('asks another agent, if there is one, after an attempt that failed at one', async () => {
    await house.serve()
    await house.agent('clumsy', [intent])
    await house.agent('deft', [intent])
    const work = randomUUID()
    await house.relay(await taskStarted(work, 2, 60_000, 'clumsy'))
    await eventually('it is published', async () => (await dispatchOf(work))?.state === 'published')
    expect((await dispatchOf(work))?.agent_id).to.equal('deft')
    const task = await eventually('the task', () => house.broker.take(agentQueue('deft')))
    expect(JSON.parse(task.body.toString())).to.deep.include({ attempt: 2, target_agent: { agent_id: 'deft' } })
  })

  it('serves all other agents when the queue of one stands otherwise, also at its start', async () => {
    await house.broker.channel.assertQueue(agentQueue('odd'), { durable: true }) // with none of the arguments of the table
    await house.agent('odd', [intent])
    await house.agent('deft', [intent])
    await house.serve()
    const work = randomUUID()
    await house.relay(await taskStarted(work, 2, 60_000, 'odd'))
    const task = await eventually('the task', () => house.broker.take(agentQueue('deft')))
    expect(JSON.parse(task.body.toString())).to.deep.include({ work_id: work, attempt: 2 })
  })

  it('does nothing for an event whose journey is over, in whatever order it hears of that', async () => {
    await house.serve()
    await listen()
    const started = await house.startJourney()
    const { client_id } = started.data as { client_id: string }
    const cancelled = await house.record(started.stream, {
      type: 'JourneyCancelled',
      data: { client_id, episode: 1, stage: 'sandbox', visit: 1, reason: 'no need', cancelled_by: 'dana' },
    })
    await house.relay(cancelled, started)
    const other = await house.startJourney()
    await house.relay(other)
    await eventually('the other is admitted', () => sent('unit_of_work.create').length > 0)
    await eventually('all are handled', async () => (await house.broker.depth(sagaQueue)) === 0)
    const known = await house.db.selectFrom('admissions').select('client_id').execute()
    expect(known).to.deep.equal([{ client_id: (other.data as { client_id: string }).client_id }])
  })

  it('loses nothing and repeats no dispatch when it is stopped in the middle of its work', async () => {
    const first = await house.serve()
    await house.agent('installer', [intent])
    const works = Array.from({ length: 30 }, () => randomUUID())
    const events = await Promise.all(works.map((work) => taskStarted(work)))
    await house.relay(...events)
    await first.stop()
    await house.relay(...events)
    await house.serve()
    const published = async () =>
      (await house.db.selectFrom('dispatches').select('work_id').where('state', '=', 'published').execute()).length
    await eventually('all are published', async () => (await published()) === works.length)
    await eventually('all are handled', async () => (await house.broker.depth(sagaQueue)) === 0)
    const tasks = new Set<string>()
    for (
      let task = await house.broker.take(intentQueue(intent));
      task;
      task = await house.broker.take(intentQueue(intent))
    ) {
      const { messageId } = task.properties
      expect(tasks.has(messageId!), messageId).to.equal(false)
      tasks.add(messageId!)
    }
    expect(tasks.size).to.equal(works.length)
  })

  it('keeps what it cannot read as a dead letter, and goes on', async () => {
    await house.serve()
    await listen()
    await house.broker.publish(exchanges.events.name, 'journey.started', Buffer.from('{'))
    await house.relay(await house.startJourney())
    await commands.until(1)
    const letters = () => house.db.selectFrom('dead_letters').selectAll().execute()
    await eventually('the dead letter', async () => (await letters()).length === 1)
    expect((await letters())[0]).to.deep.include({ queue: sagaQueue, reason: 'malformed', state: 'open' })
    expect(await house.broker.depth(deadLetterQueueOf(sagaQueue))).to.equal(0)
  })
})
