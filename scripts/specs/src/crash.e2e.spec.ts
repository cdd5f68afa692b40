import { expect } from 'chai'
import type { ChildProcess } from 'node:child_process'
import { commandQueue, type CommandAnswer, type Recorded } from '@journey/contracts'
import { createDatabase } from '@journey/read-model'
import { actualRows, expectedRows } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { approved, freshClient, start, worksOf } from './journeys.js'
import { readLog } from './log.js'
import { environmentOf, spawnService, startSystem, until, type System } from './system.js'

/** Slow agents, so that every journey is still under way when the last process is killed. */
const journeys = 30
const slowAgents = { JOURNEY_AGENTS_DELAY_MS: '1500' }
/** Each dies in turn, the command-handlers first; the last two together. */
const services = ['command-handler', 'event-relay', 'projector', 'saga-processor', 'notifier', 'api', 'agents']
/** Events that are stored between two deaths; all journeys together have some thousands. */
const eventsBetween = 20

describe('a system whose every process is killed in turn', () => {
  let system: System
  let log: Recorded[]
  const handlers: ChildProcess[] = []
  const accepted: CommandAnswer[] = []
  const clients = Array.from({ length: journeys }, () => freshClient('crash'))

  before(async function () {
    this.timeout(280_000)
    system = await startSystem(slowAgents)
    handlers.push(...Array.from({ length: 2 }, () => anotherHandler(system)))
    await until('three take commands', async () => {
      return (await system.bus.channel.checkQueue(commandQueue)).consumerCount === 3
    })
    for (const client of clients) accepted.push(await start(system, client, approved))
    for (const { status } of accepted) expect(status).to.equal('accepted')
    await system.bus.close() // the broker is killed too

    for (const handler of handlers) {
      handler.kill('SIGKILL')
      await someWork(system)
    }
    for (const name of services) {
      await kill(system, name)
      await someWork(system)
    }
    await kill(system, 'rabbitmq')
    await Promise.all([kill(system, 'postgres'), kill(system, 'event-store')])
    const unfinished = await until('the journeys can be read again', async () => {
      const works = await Promise.all(clients.map((client) => worksOf(system, client, 'production')))
      return {
        count: works.filter((all) => !all.some(({ kind, status }) => kind === 'setup' && status === 'completed'))
          .length,
      }
    })
    expect(unfinished.count, 'journeys still under way after the last death').to.be.greaterThan(0)
    await until(
      'every journey is evaluated in production',
      async () => {
        const all = await Promise.all(clients.map(async (client) => (await system.get(`/journeys/${client}`)).body))
        return all.every(({ current_stage, gate }) => current_stage === 'production' && gate?.last?.verdict === 'pass')
      },
      200_000,
    )
    log = await readLog(system.endpoints.event_store)
  })
  after(async () => {
    for (const handler of handlers) handler.kill('SIGKILL')
    await system.stop()
  })

  it('brings all journeys to production', async () => {
    for (const client of clients) {
      const setups = (await worksOf(system, client)).filter(({ kind }) => kind === 'setup')
      expect(setups.map(({ stage, status }) => [stage, status])).to.have.deep.members(
        ['sandbox', 'pilot', 'production'].map((stage) => [stage, 'completed']),
      )
    }
  })

  it('keeps every stream without holes, and every fact once', () => {
    const streams = new Map<string, Recorded[]>()
    for (const event of log) streams.set(event.stream, [...(streams.get(event.stream) ?? []), event])
    for (const [stream, events] of streams) {
      expect(
        events.map(({ revision }) => revision),
        stream,
      ).to.deep.equal(events.map((_, index) => index))
      const facts = events.flatMap(factOf)
      expect(facts, stream).to.deep.equal([...new Set(facts)])
    }
    expect(new Set(log.map(({ id }) => id)).size).to.equal(log.length)
  })

  it('has done each accepted command once, where it told', () => {
    for (const { command_id, stream, revision } of accepted) {
      const done = log.filter(({ causationId }) => causationId === command_id)
      expect(done.map((one) => [one.stream, one.event.type, one.revision])).to.deep.equal([
        [stream, 'JourneyStarted', revision],
      ])
    }
  })

  it('has a read model that equals an offline fold of the streams', async () => {
    const database = createDatabase({ url: system.endpoints.database, name: 'spec', log: silentLog() })
    try {
      await until('the read model has everything', async () => {
        const actual = await actualRows(database.db)
        expect(actual).to.deep.equal(expectedRows(await readLog(system.endpoints.event_store)))
        return true
      })
    } finally {
      await database.stop()
    }
  })

  it('lost no command to the dead letters', async () => {
    const database = createDatabase({ url: system.endpoints.database, name: 'spec', log: silentLog() })
    try {
      expect(
        await database.db.selectFrom('dead_letters').select(['queue', 'type', 'code', 'message']).execute(),
      ).to.deep.equal([])
    } finally {
      await database.stop()
    }
  })
})

/** What may happen once only, as text; nothing for what may happen often. */
const factOf = ({ event }: Recorded): string[] => {
  const { type, data } = event
  switch (type) {
    case 'JourneyStarted':
    case 'UnitOfWorkCreated':
    case 'UnitOfWorkCompleted':
      return [type]
    case 'StagePromoted':
      return [`${type} ${data.to_stage} ${data.visit}`]
    case 'ExitEvaluationRequested':
      return [`${type} ${data.stage} ${data.visit} ${data.n}`]
    case 'TaskExecutionCompleted':
    case 'ApprovalRequested':
    case 'ApprovalDecided':
      return [`${type} ${data.task_id}`]
    case 'TaskExecutionStarted':
    case 'TaskExecutionFailed':
      return [`${type} ${data.task_id} ${data.attempt}`]
    default:
      return []
  }
}

/** A command-handler beside that of the stack, with all that this one has but the port. */
const anotherHandler = (system: System): ChildProcess => {
  const env = environmentOf(system.stack.processes().get('command-handler')!.pid()!)
  return spawnService('command-handler', { ...env, JOURNEY_HEALTH_PORT: '0' })
}

/** The journeys go on: whoever was killed has not stopped them. */
const someWork = async ({ endpoints }: System): Promise<void> => {
  const stored = async () => (await readLog(endpoints.event_store)).length
  const before = await stored()
  await until('some work is done', async () => (await stored()) >= before + eventsBetween)
}

/** Kills a process of the stack with SIGKILL and waits until its supervisor has started another. */
const kill = async (system: System, name: string): Promise<void> => {
  const child = system.stack.processes().get(name)
  if (!child) throw new Error(`there is no process ${name}`)
  const pid = child.pid()
  if (pid === undefined) throw new Error(`${name} is not running`)
  process.kill(pid, 'SIGKILL')
  await until(`${name} runs again`, () => Promise.resolve(child.pid() !== undefined && child.pid() !== pid))
}
