import {
  agentKey,
  agentQueue,
  exchanges,
  intentQueue,
  type CommandAnswer,
  type CommandEnvelope,
} from '@journey/contracts'
import { testVhost } from '@journey/embedded/testing'
import { createConnection, type Message } from '@journey/messaging'
import { createCuttableLink, eventually, openTestBroker } from '@journey/messaging/testing'
import { createRegistry, silentLog, type Part } from '@journey/runtime'
import { expect } from 'chai'
import { randomUUID } from 'node:crypto'
import { createAgent, type AgentOptions, type IntentHandler } from './agent.js'
import type { Task } from './task.js'
import { TaskFailure } from './task-failure.js'

const intent = 'run_security_scan'

const taskOf = (changes: Partial<Task> = {}): Task => {
  const work_id = randomUUID()
  return {
    work_id,
    task_id: 'scan',
    attempt: 1,
    token: randomUUID(),
    idempotency_key: `${work_id}:scan`,
    intent,
    client_id: 'client-123',
    stage: 'sandbox',
    deadline: new Date(Date.now() + 60_000).toISOString(),
    input: { environment_id: 'env-9' },
    parameters: {},
    source_agent: { agent_id: 'journey-orchestrator' },
    target_agent: null,
    ...changes,
  }
}

/** A handler that tells what it was given and waits to be told the end of each. */
const held = () => {
  const taken: { task: Task; signal: AbortSignal; end: (output: object) => void }[] = []
  const handler: IntentHandler = (task, { signal }) =>
    new Promise((end, reject) => {
      taken.push({ task, signal, end })
      signal.addEventListener('abort', () => reject(new Error('called off')))
    })
  return {
    taken,
    handler,
    until: (count: number) => eventually(`${count} taken`, () => taken.length >= count && taken),
  }
}

const envelopeIn = ({ body }: Message): CommandEnvelope => JSON.parse(body.toString()) as CommandEnvelope

const setup = async () => {
  const vhost = await testVhost()
  const link = await createCuttableLink(vhost.url)
  const broker = await openTestBroker(vhost.url)
  await broker.channel.assertExchange(exchanges.commands.name, exchanges.commands.type)
  const answers = await broker.collect(exchanges.commands.name, 'task.*')
  const presence = await broker.collect(exchanges.commands.name, 'agent.*')
  const agents: Part[] = []
  return {
    link,
    broker,
    presence,
    /** What the agents answered so far, once there are `count`. */
    answered: async (count: number) => (await answers.until(count)).map(envelopeIn),
    answers,
    agent: async (handler: IntentHandler, options: Partial<AgentOptions> = {}) => {
      const agent = createAgent({
        id: 'scanner',
        name: 'Scanner',
        intents: { [intent]: handler },
        log: silentLog(),
        url: link.url,
        ...options,
      } as AgentOptions)
      agents.push(agent)
      await agent.start()
      return agent
    },
    give: (task: unknown, key = intent) =>
      broker.publish(exchanges.tasks.name, key, task, { messageId: 'm-1', correlationId: 'journey-7' }),
    /** Answers a command of an agent as the command-handler would. */
    tell: async (message: Message, status: CommandAnswer['status'], code?: string) => {
      const { command_id, command_type } = envelopeIn(message)
      const error = code === undefined ? null : { code, message: code, details: [] }
      const answer = { command_id, command_type, status, stream: null, revision: null, events: [], error }
      await broker.publish('', message.properties.replyTo ?? '', answer, { correlationId: command_id })
    },
    /** Stops the agents, so that what they have not acknowledged is back, and tells how much there is. */
    left: async () => {
      await Promise.all(agents.map((agent) => agent.stop()))
      return broker.depth(intentQueue(intent))
    },
    close: async () => {
      await Promise.all(agents.map((agent) => agent.stop()))
      await broker.close()
      await link.close()
      await vhost.drop()
    },
  }
}

describe('an agent on the bus', () => {
  let bus: Awaited<ReturnType<typeof setup>>
  beforeEach(async () => (bus = await setup()))
  afterEach(() => bus.close())

  it('answers a task once, with its attempt and token, as an agent', async () => {
    await bus.agent(() => Promise.resolve({ scan_result: { critical: 0 } }))
    const { work_id, task_id, attempt, token, ...rest } = taskOf()
    await bus.give({ work_id, task_id, attempt, token, ...rest })
    const [answer] = await bus.answered(1)
    expect(answer).to.deep.include({
      command_type: 'task.complete',
      data: { work_id, task_id, attempt, token, agent_id: 'scanner', output: { scan_result: { critical: 0 } } },
      metadata: { correlation_id: 'journey-7', causation_id: 'm-1', actor: { type: 'agent', id: 'scanner' } },
    })
    expect(await bus.left()).to.equal(0)
    expect(bus.answers.messages).to.have.lengthOf(1)
  })

  it('tells a failure with the code that its handler threw', async () => {
    await bus.agent(() => Promise.reject(new TaskFailure('scan/no_access', 'revoked', { retryable: false })))
    await bus.give(taskOf())
    const [answer] = await bus.answered(1)
    expect(answer).to.have.property('command_type', 'task.fail')
    expect(answer?.data).to.include({ code: 'scan/no_access', message: 'revoked', retryable: false })
  })

  it('does the same task under another attempt again', async () => {
    await bus.agent(() => Promise.reject(new Error('boom')))
    const task = taskOf()
    await bus.give(task)
    await bus.give({ ...task, attempt: 2, token: 'second' })
    const answers = await bus.answered(2)
    expect(answers.map(({ data }) => data.attempt)).to.have.members([1, 2])
    expect(new Set(answers.map(({ command_id }) => command_id)).size).to.equal(2)
  })

  it('answers once when the connection is cut in the middle of the task', async () => {
    const { handler, taken, until } = held()
    await bus.agent(handler, { heartbeatMs: 50 })
    await bus.give(taskOf())
    await until(1)
    const before = bus.presence.messages.length
    bus.link.cut()
    await bus.presence.until(before + 1) // connected again
    await eventually('the task taken again', async () => {
      const { consumerCount, messageCount } = await bus.broker.channel.checkQueue(intentQueue(intent))
      return consumerCount === 1 && messageCount === 0
    })
    taken[0]!.end({ done: true })
    await bus.answered(1)
    expect(await bus.left()).to.equal(0)
    expect(taken).to.have.lengthOf(1)
    expect(bus.answers.messages).to.have.lengthOf(1)
  })

  it('answers once when the broker is away as the task ends', async () => {
    const { handler, taken, until } = held()
    await bus.agent(handler)
    await bus.give(taskOf())
    await until(1)
    bus.link.sever()
    taken[0]!.end({ done: true })
    bus.link.mend()
    await bus.answered(1)
    expect(await bus.left()).to.equal(0)
    expect(taken).to.have.lengthOf(1)
    expect(bus.answers.messages).to.have.lengthOf(1)
  })

  it('shares the tasks of an intent with another agent', async () => {
    const first = held()
    const second = held()
    await bus.agent(first.handler, { id: 'one', prefetch: 1 })
    await bus.agent(second.handler, { id: 'two', prefetch: 1 })
    await Promise.all([bus.give(taskOf()), bus.give(taskOf())])
    const [[mine], [theirs]] = await Promise.all([first.until(1), second.until(1)])
    expect(mine?.task.work_id).to.not.equal(theirs?.task.work_id)
    mine?.end({})
    theirs?.end({})
    const answers = await bus.answered(2)
    expect(answers.map(({ source }) => source)).to.have.members(['one', 'two'])
  })

  it('takes tasks addressed to it alone', async () => {
    await bus.agent(() => Promise.resolve({}), { id: 'one' })
    await bus.agent(() => Promise.resolve({}), { id: 'two' })
    await bus.give(taskOf(), agentKey('two'))
    expect((await bus.answered(1))[0]).to.have.property('source', 'two')
  })

  it('refuses a task addressed to it that it cannot do, so that another may', async () => {
    await bus.agent(() => Promise.resolve({}))
    await bus.give(taskOf({ intent: 'install_connectors' }), agentKey('scanner'))
    const [answer] = await bus.answered(1)
    expect(answer?.data).to.include({ code: 'agent/intent_not_offered', retryable: true })
  })

  it('does not start what comes after its deadline, and answers only the next', async () => {
    const done: string[] = []
    const handler: IntentHandler = ({ task_id }) => Promise.resolve({ count: done.push(task_id) })
    await bus.agent(handler, { prefetch: 1 })
    await bus.give(taskOf({ task_id: 'late', deadline: new Date(Date.now() - 1).toISOString() }))
    await bus.give(taskOf({ task_id: 'next' }))
    await bus.answered(1)
    expect(await bus.left()).to.equal(0)
    expect(done).to.deep.equal(['next'])
    expect(bus.answers.messages).to.have.lengthOf(1)
  })

  it('calls its handler off at the deadline, and leaves the verdict to the orchestrator', async () => {
    const { handler, until } = held()
    await bus.agent(handler)
    await bus.give(taskOf({ deadline: new Date(Date.now() + 300).toISOString() }))
    const [run] = await until(1)
    await eventually('called off', () => run?.signal.aborted)
    expect(await bus.left()).to.equal(0)
    expect(bus.answers.messages).to.have.lengthOf(0)
  })

  it('puts aside what is no task, and goes on', async () => {
    await bus.agent(() => Promise.resolve({}))
    await bus.give({ ...taskOf(), token: 7 })
    await bus.give(taskOf())
    await bus.answered(1)
    const dead = await eventually('a dead letter', () => bus.broker.take(`${intentQueue(intent)}.dlq`))
    expect(dead.properties.headers).to.include({
      'x-dead-reason': 'malformed',
      'x-dead-code': 'task/invalid',
      'x-dead-service': 'scanner',
    })
  })

  it('waits at its stop for the task under way, and takes no other', async () => {
    const { handler, taken, until } = held()
    const agent = await bus.agent(handler, { prefetch: 1 })
    await bus.give(taskOf())
    await until(1)
    await bus.give(taskOf())
    const stopped = agent.stop()
    taken[0]!.end({ done: true })
    await stopped
    await bus.answered(1)
    expect(await bus.left()).to.equal(1)
    expect(taken).to.have.lengthOf(1)
  })

  it('gives a task back at its stop when it takes too long', async () => {
    const { handler, until } = held()
    const agent = await bus.agent(handler, { drainMs: 50 })
    await bus.give(taskOf())
    const [run] = await until(1)
    await agent.stop()
    expect(run?.signal.aborted).to.equal(true)
    expect(await bus.left()).to.equal(1)
    expect(bus.answers.messages).to.have.lengthOf(0)
  })

  it('registers, sends heartbeats, and registers again when it is forgotten', async () => {
    await bus.agent(() => Promise.resolve({}), { heartbeatMs: 50, type: 'security', version: '2.1.0' })
    const { presence } = bus
    const [registration] = await presence.until(1)
    expect(envelopeIn(registration!)).to.deep.include({
      command_type: 'agent.register',
      data: { agent_id: 'scanner', name: 'Scanner', intents: [intent], type: 'security', version: '2.1.0' },
    })
    await bus.tell(registration!, 'accepted')
    const [, heartbeat] = await presence.until(2)
    expect(envelopeIn(heartbeat!)).to.deep.include({
      command_type: 'agent.heartbeat',
      data: { agent_id: 'scanner', active_tasks: 0 },
    })
    await bus.tell(heartbeat!, 'rejected', 'agent/unknown')
    const [, , again] = await presence.until(3)
    expect(envelopeIn(again!).command_type).to.equal('agent.register')
    expect(envelopeIn(again!).command_id).to.not.equal(envelopeIn(registration!).command_id)
  })

  it('works beside others on a shared connection, which outlives it', async () => {
    const connection = createConnection({ url: bus.link.url, name: 'shared', log: silentLog() })
    await connection.start()
    try {
      const registry = createRegistry('agents')
      const shared = { url: undefined, connection, registry } as unknown as Partial<AgentOptions>
      const one = await bus.agent(() => Promise.resolve({ by: 'one' }), { id: 'one', ...shared })
      await bus.agent(() => Promise.resolve({ by: 'two' }), { id: 'two', ...shared })
      await one.stop()
      await bus.give(taskOf())
      expect((await bus.answered(1))[0]?.data.output).to.deep.equal({ by: 'two' })
      expect(await registry.metrics()).to.match(/journey_agent_tasks_total\{[^}]*outcome="completed"[^}]*\} 1/)
    } finally {
      await connection.stop()
    }
  })

  it('consumes its own queue too', async () => {
    await bus.agent(() => Promise.resolve({}))
    expect((await bus.broker.channel.checkQueue(agentQueue('scanner'))).consumerCount).to.equal(1)
  })
})

describe('an agent with a name that no agent may have', () => {
  it('is not made', () => {
    const make = () => createAgent({ id: 'events', name: ' ', intents: {}, log: silentLog(), url: 'amqp://localhost' })
    expect(make).to.throw().that.includes({ family: 'malformed', code: 'command/invalid' })
  })
})
