import { expect } from 'chai'
import { fileURLToPath } from 'node:url'
import {
  doneTasks,
  gateWork,
  Process,
  rollbackWork,
  setupWork,
  stages,
  UnitOfWork,
  type Catalog,
  type JsonObject,
  type StageId,
} from '@journey/domain'
import { loadConfiguration } from './configuration.js'

const { catalog } = loadConfiguration(fileURLToPath(new URL('../../../../infra/config', import.meta.url)), {})

/** What EventStoreDB takes in one append by default. */
const mostBytes = 1_048_576
const context = { actor: { type: 'system', id: 'spec' }, at: '2026-01-27T10:30:00.000Z', entropy: 'spec' }

/** Sealed content is a third longer; beside it stands what is not sealed, and metadata. */
const sizeOf = (events: readonly UnitOfWork.Event[]): number =>
  events.reduce((sum, { data }) => sum + (Buffer.byteLength(JSON.stringify(data)) * 4) / 3 + 1_000, 0)

/** Does a unit of work with outputs that repeat the users, and tells how large its appends were. */
const done = (creation: UnitOfWork.Creation, users: string[]) => {
  const sizes: number[] = []
  const events: UnitOfWork.Event[] = []
  const decide = (command: UnitOfWork.Command) => {
    const decided = UnitOfWork.decide(command, UnitOfWork.fold(events), context)
    sizes.push(sizeOf(decided))
    events.push(...decided)
  }
  decide({ type: 'unit_of_work.create', data: creation })
  // What is decided meanwhile comes along.
  for (const event of events) {
    if (event.type !== 'TaskExecutionStarted') continue
    const { work_id, task_id, attempt, token } = event.data
    const planned = creation.plan.tasks.find((one) => one.task_id === task_id)!
    decide({
      type: 'task.complete',
      data: { work_id, task_id, attempt, token, output: outputOf(planned.output_schema, users) },
    })
  }
  return { sizes, state: UnitOfWork.fold(events) }
}

const outputOf = (schema: Record<string, { type: string }>, users: string[]): JsonObject =>
  Object.fromEntries(
    Object.entries(schema).map(([name, { type }]) => [
      name,
      name.endsWith('_users') ? users : type === 'array' ? [] : type === 'number' ? 1 : type === 'object' ? {} : 'x',
    ]),
  )

describe('a journey with as much in it as its command may bring', () => {
  const user = 'dana@example.org'.padEnd(320, 'x')
  const users = Array.from({ length: 750 }, (_, n) => `${n}${user}`.slice(0, 320)) // 242 KB
  const profile = {
    ...{ data_sources: ['jira'], connectors: ['jira'], users, pilot_cohort_size: 10, contract_signed: true },
    parameters: {},
  }
  const visitOf = (stage: StageId) => ({ client_id: 'client-1', episode: 1, stage, visit: 1 })

  for (const stage of stages)
    it(`has no append beyond what EventStoreDB takes in ${stage}, there and back`, () => {
      const creation = setupWork(catalog, visitOf(stage), profile)
      const setup = creation && done(creation, users)
      const undone = setup && setup.state.status !== 'none' ? doneTasks(setup.state.creation, setup.state.tasks) : []
      const works = {
        setup: setup?.sizes ?? [],
        gate: done(gateWork(catalog, visitOf(stage), 1, profile), users).sizes,
        rollback: done(rollbackWork(catalog, visitOf(stage), profile, undone), users).sizes,
      }
      for (const [kind, sizes] of Object.entries(works))
        expect(Math.max(0, ...sizes), `bytes of the largest append of a ${kind}`).to.be.below(mostBytes)
    })
})

describe('a check of a gate', () => {
  it('is given what its journey brings, beside its own parameters, which its event leaves out', () => {
    const profile = {
      ...{ data_sources: ['jira'], connectors: ['jira', 'slack'], users: ['ada'], pilot_cohort_size: 10 },
      ...{ contract_signed: true, parameters: { note: 'goes with every task' } },
    }
    const creation = gateWork(catalog, { client_id: 'client-1', episode: 1, stage: 'sandbox', visit: 1 }, 1, profile)
    const events = UnitOfWork.decide({ type: 'unit_of_work.create', data: creation }, UnitOfWork.initial, context)
    const started = events.find(
      (event) => event.type === 'TaskExecutionStarted' && event.data.task_id === 'search_quality',
    )
    if (started?.type !== 'TaskExecutionStarted') throw new Error('it was not started')
    const own = catalog.gates.sandbox.find(({ check_id }) => check_id === 'search_quality')!.parameters
    expect(started.data.input).to.deep.equal({ client_id: 'client-1', ...own })

    const needs = Process.needsOf(started)
    expect(needs).to.deep.equal({ work_id: creation.work_id })
    const { parameters: _, ...brought } = profile
    expect(dispatched(started, UnitOfWork.fold(events))).to.deep.equal({ client_id: 'client-1', ...brought, ...own })
  })

  it('is given what its event says, when that is all there is', () => {
    const started = { input: { client_id: 'client-1', connectors: ['jira'] } }
    expect(dispatched(startedWith(started), UnitOfWork.initial)).to.deep.equal(started.input)
  })

  const startedWith = (over: { input: JsonObject }): Started => ({
    type: 'TaskExecutionStarted',
    data: {
      ...{ work_id: 'w', client_id: 'client-1', stage: 'sandbox', kind: 'gate', task_id: 'search_quality', name: 's' },
      ...{ intent: 'validate_search_quality', attempt: 1, token: 't', timeout_ms: 1, target_agent: null },
      failed_agent: null,
      ...over,
    },
  })
  const dispatched = (event: Started, work: UnitOfWork.State): JsonObject | undefined => {
    const world = worldOf(catalog, event, work)
    const [step] = Process.react({ id: 'e', at: context.at, event }, world)
    return step?.do === 'dispatch' ? step.task.input : undefined
  }
})

type Started = Extract<UnitOfWork.Event, { type: 'TaskExecutionStarted' }>

const worldOf = (catalog: Catalog, { data }: Started, work: UnitOfWork.State): Process.World => ({
  journey: { status: 'none' },
  works: new Map([[data.work_id, work]]),
  catalog,
  rules: { auto_rollback: false, re_evaluation_ms: 1 },
})
