import { expect } from 'chai'
import { createRegistry, silentLog } from '@journey/runtime'
import { fold, type Step } from '@journey/read-model'
import { actions, logOf, type Move } from '@journey/read-model/testing'
import { createProjectorMeters, type Counts } from './meters.js'

const nobody: Counts = {
  activeByStage: () => Promise.resolve(new Map()),
  passRates: () => Promise.resolve(new Map()),
  parked: () => Promise.resolve(0),
}

const stepsOf = (moves: readonly Move[]): Step[] =>
  fold({ journeys: new Map(), works: new Map(), agents: new Map() }, logOf(moves)).steps

const setup = (counts: Counts = nobody) => {
  const registry = createRegistry('projector')
  const meters = createProjectorMeters(registry, counts, silentLog())
  return {
    apply: (results: Step[]) =>
      meters.applied({ applied: results.length, duplicates: 0, healed: 0, parked: 0, parkedNow: [], results }),
    /** The values of the series whose name and labels begin so; of counters, only those that moved. */
    series: async (start: string) => {
      const lines = (await registry.metrics()).split('\n')
      return Object.fromEntries(
        lines
          .filter((line) => line.startsWith(start) && !(start.includes('_total') && line.endsWith(' 0')))
          .map((line) => [
            line.slice(0, line.lastIndexOf(' ')).replace(/service="projector",|,?service="projector"/, ''),
            Number(line.slice(line.lastIndexOf(' ') + 1)),
          ]),
      )
    },
  }
}

const move = (action: Move['action'], pick = 1): Move => ({ client: 0, action, pick })

describe('the metrics of the projector', () => {
  it('count promotions, rollbacks and completions by stage, and rollbacks by category', async () => {
    const { apply, series } = setup()
    apply(
      stepsOf([
        move('start'),
        move('request_evaluation'),
        move('record_evaluation'),
        move('promote'),
        move('roll_back'),
        move('finish_rollback', 3),
        move('finish_rollback', 1),
      ]),
    )
    expect(await series('journey_transition_total')).to.deep.equal({
      'journey_transition_total{from_stage="sandbox",to_stage="pilot",result="success"}': 1,
      'journey_transition_total{from_stage="pilot",to_stage="sandbox",result="failure"}': 1,
      'journey_transition_total{from_stage="pilot",to_stage="sandbox",result="success"}': 1,
    })
    expect(await series('journey_rollback_total')).to.deep.equal({ 'journey_rollback_total{reason="manual"}': 1 })
    expect(await series('journey_stage_duration_seconds_count')).to.deep.equal({
      'journey_stage_duration_seconds_count{stage="sandbox"}': 1,
      'journey_stage_duration_seconds_count{stage="pilot"}': 1,
      'journey_stage_duration_seconds_count{stage="rollback"}': 1,
    })
  })

  it('keep free text out of the labels', async () => {
    const { apply, series } = setup()
    const steps = stepsOf([
      move('start'),
      move('request_evaluation'),
      move('record_evaluation'),
      move('promote'),
      move('roll_back'),
    ])
    for (const { recorded } of steps)
      if (recorded.event.type === 'RollbackInitiated')
        recorded.event.data.category = 'the customer was unhappy on Tuesday'
    apply(steps)
    expect(await series('journey_rollback_total')).to.deep.equal({ 'journey_rollback_total{reason="other"}': 1 })
  })

  it('count every attempt that ended and every unit of work that did, as the streams tell', async () => {
    const { apply, series } = setup()
    const moves = Array.from({ length: 400 }, (_, n): Move => ({
      client: n % 3,
      action: actions[(n * 31) % actions.length]!,
      pick: n % 17,
    }))
    const steps = stepsOf(moves)
    apply(steps)
    const count = (...types: string[]) => steps.filter(({ recorded }) => types.includes(recorded.event.type)).length
    expect(count('TaskExecutionCompleted'), 'the history has some').to.be.greaterThan(3)
    expect(await series('journey_task_execution_total')).to.include({
      'journey_task_execution_total{status="completed"}': count('TaskExecutionCompleted'),
      'journey_task_execution_total{status="failed"}': count('TaskExecutionFailed'),
    })
    expect(await series('journey_uow_execution_duration_seconds_count')).to.deep.equal({
      'journey_uow_execution_duration_seconds_count{}': count('UnitOfWorkCompleted', 'UnitOfWorkFailed'),
    })
    expect(await series('journey_projection_events_total{outcome="applied"')).to.deep.equal({
      'journey_projection_events_total{outcome="applied"}': steps.length,
    })
  })

  it('show every stage, also those where nobody is', async () => {
    const { series } = setup({ ...nobody, activeByStage: () => Promise.resolve(new Map([['pilot', 3]])) })
    expect(await series('journey_active_count')).to.deep.equal({
      'journey_active_count{stage="sandbox"}': 0,
      'journey_active_count{stage="pilot"}': 3,
      'journey_active_count{stage="production"}': 0,
      'journey_active_count{stage="rollback"}': 0,
    })
  })

  it('are given out also while the tables cannot be read', async () => {
    const { series } = setup({ ...nobody, passRates: () => Promise.reject(new Error('away')) })
    expect(await series('journey_active_count{stage="pilot"')).to.deep.equal({
      'journey_active_count{stage="pilot"}': 0,
    })
  })
})
