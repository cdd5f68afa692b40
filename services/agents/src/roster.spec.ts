import { TaskFailure, type Task } from '@journey/agent'
import { loadConfiguration } from '@journey/contracts'
import {
  checkInput,
  doneTasks,
  gateWork,
  intentsOf,
  judgeAll,
  rollbackWork,
  setupWork,
  stages,
  UnitOfWork,
  type JsonObject,
  type Measurement,
  type PlannedTask,
  type StageId,
} from '@journey/domain'
import { expect } from 'chai'
import { fileURLToPath } from 'node:url'
import { roster } from './roster.js'

const now = () => new Date('2026-01-27T10:30:00Z')
const agents = roster({ measurements: {}, now })
const { catalog } = loadConfiguration(fileURLToPath(new URL('../../../infra/config', import.meta.url)), {})

const profile = {
  data_sources: ['salesforce', 'jira', 'confluence'],
  connectors: ['salesforce', 'jira'],
  users: ['dana', 'lee'],
  pilot_cohort_size: 10,
  contract_signed: true,
  parameters: {},
}
const visit = (stage: StageId) => ({ client_id: 'client-123', episode: 1, stage, visit: 1 })
const context = { actor: { type: 'system', id: 'spec' }, at: '2026-01-27T10:30:00.000Z', entropy: 'spec' }

const outputOf = (intent: string, task: Partial<Task>): JsonObject => {
  const work = agents.find(({ intents }) => intent in intents)?.intents[intent]
  if (!work) throw new Error(`no agent offers ${intent}`)
  return work({ client_id: 'client-123', intent, parameters: {}, input: {}, ...task } as Task)
}

const lackingIn = ({ task_id, output_schema }: PlannedTask, output: JsonObject): string[] =>
  Object.keys(output_schema)
    .filter((name) => !(name in output))
    .map((name) => `${task_id} gives no ${name}`)

/** Has the agents do a whole unit of work under the rules of the domain; tells also what the domain lets be: outputs that lack. */
const carriedOut = (creation: UnitOfWork.Creation) => {
  const lacking: string[] = []
  const all = UnitOfWork.decide({ type: 'unit_of_work.create', data: creation }, UnitOfWork.initial, context)
  // The list grows while it is walked: each completion may start further tasks.
  for (const event of all) {
    if (event.type !== 'TaskExecutionStarted') continue
    const { work_id, task_id, attempt, token, intent, input } = event.data
    const output = outputOf(intent, { input })
    const planned = creation.plan.tasks.find((task) => task.task_id === task_id)!
    lacking.push(...lackingIn(planned, output))
    const data = { work_id, task_id, attempt, token, output }
    all.push(...UnitOfWork.decide({ type: 'task.complete', data }, UnitOfWork.fold(all), context))
  }
  return { state: UnitOfWork.fold(all), lacking }
}

const setUp = (stage: StageId) => {
  const creation = setupWork(catalog, visit(stage), profile)
  if (!creation) throw new Error(`${stage} has no template`)
  return { creation, ...carriedOut(creation) }
}

describe('the reference agents', () => {
  it('offer every intent of the configuration once, and no other', () => {
    const offered = agents.flatMap(({ intents }) => Object.keys(intents))
    expect([...offered].sort()).to.deep.equal(intentsOf(catalog))
  })

  it('are at least twelve, each with an id of its own', () => {
    expect(new Set(agents.map(({ id }) => id)).size)
      .to.equal(agents.length)
      .and.to.be.at.least(12)
  })

  for (const stage of stages)
    it(`set ${stage} up with outputs as its template declares them`, () => {
      const { state, lacking } = setUp(stage)
      expect(lacking).to.deep.equal([])
      expect(state.status).to.equal('completed')
    })

  for (const stage of ['pilot', 'production'] as const)
    it(`undo all that led to ${stage} when it is rolled back`, () => {
      const done = stages.slice(0, stages.indexOf(stage) + 1).flatMap((one) => {
        const { creation, state } = setUp(one)
        return state.status === 'completed' ? doneTasks(creation, state.tasks) : []
      })
      const { state, lacking } = carriedOut(rollbackWork(catalog, visit(stage), profile, done))
      expect(lacking).to.deep.equal([])
      expect(state.status).to.equal('completed')
      expect(state.status === 'completed' && Object.keys(state.tasks)).to.have.length.greaterThan(3)
    })

  for (const stage of stages)
    it(`measure what passes the gate of ${stage}`, () => {
      const creation = gateWork(catalog, visit(stage), 1, profile)
      const { criteria = [], plan } = creation
      const outcomes = criteria.flatMap((criterion) => {
        const task = plan.tasks.find(({ task_id, kind }) => task_id === criterion.check_id && kind === 'agent')
        if (!task) return []
        const { measurements } = outputOf(task.intent, { input: checkInput(creation, task.input) })
        return [{ ...criterion, outcome: 'measured' as const, measurements: measurements as Measurement[] }]
      })
      const { verdict, exit_criteria_details } = judgeAll(outcomes)
      expect(exit_criteria_details.filter(({ passed }) => !passed)).to.deep.equal([])
      expect(verdict).to.equal('pass')
    })

  it('give the same client the same ids and another client others', () => {
    const environmentOf = (client_id: string) => outputOf('provision_sandbox_environment', { client_id }).environment_id
    expect(environmentOf('client-123')).to.equal(environmentOf('client-123')).and.not.equal(environmentOf('client-124'))
  })

  it('refuse for good what lacks an input', () => {
    expect(() => outputOf('install_connectors', { input: { connectors: ['jira'] } }))
      .to.throw(TaskFailure)
      .that.includes({ code: 'agent/missing_input', retryable: false })
  })
})
