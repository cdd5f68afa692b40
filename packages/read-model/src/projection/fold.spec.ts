import { expect } from 'chai'
import fc from 'fast-check'
import type { Recorded } from '@journey/contracts'
import { Journey, UnitOfWork, type StageId } from '@journey/domain'
import { codeOf } from '@journey/runtime'
import type { TaskStatus } from '../works/table.js'
import { actions, logOf, type Move } from '../testing/histories.js'
import { fold, foldAll, nothing } from './fold.js'

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({ client: fc.nat(1), action: fc.constantFrom(...actions), pick: fc.nat(30) }),
  { minLength: 20, maxLength: 150, size: 'max' },
)

const streamsOf = (log: readonly Recorded[]): Map<string, Recorded[]> => {
  const streams = new Map<string, Recorded[]>()
  for (const event of log) streams.set(event.stream, [...(streams.get(event.stream) ?? []), event])
  return streams
}

const always = (property: (log: Recorded[]) => void) =>
  fc.assert(
    fc.property(moves.map(logOf), (log) => property(log)),
    { numRuns: 150 },
  )

const taskStatus = (task: UnitOfWork.TaskState, isCancelled: boolean): TaskStatus => {
  switch (task.status) {
    case 'completed':
      return task.status
    case 'failed':
      return isCancelled && task.code === 'unit_of_work/cancelled' ? 'cancelled' : task.status
    case 'decided':
      return task.decision === 'approve' ? 'completed' : 'failed'
    default: {
      const open = {
        pending: 'pending',
        running: 'in_progress',
        retrying: 'retrying',
        asked: 'waiting_approval',
      } as const
      return isCancelled ? 'cancelled' : open[task.status]
    }
  }
}

describe('the rows of any history', () => {
  it('say of each journey what the domain says', () =>
    always((log) => {
      const { journey_states } = foldAll(log)
      const streams = [...streamsOf(log)].filter(([stream]) => stream.startsWith('journey-'))
      expect(journey_states).to.have.length(streams.length)
      for (const row of journey_states) {
        const events = streamsOf(log).get(`journey-${row.client_id}`)!
        const state = Journey.fold(events.map(({ event }) => event as Journey.Event))
        if (state.status === 'none') throw new Error('a row without a journey')
        expect({
          status: row.status,
          stage: row.stage,
          episode: row.episode,
          visit: row.visit,
          running: row.gate.running,
          n: row.gate.n,
          verdict: row.gate.last?.verdict,
          held: row.held && { reason: row.held.reason, by: row.held.by },
          failed: row.rollback?.failed?.reason,
          profile: row.profile,
          revision: row.revision,
        }).to.deep.equal({
          status: state.status,
          stage: state.stage,
          episode: state.episode,
          visit: state.visits[state.stage],
          running: state.gate.running,
          n: state.gate.n,
          verdict: state.gate.last?.verdict,
          held: state.held ?? null,
          failed: state.status === 'rolling_back' ? state.rollback.failed : undefined,
          profile: state.profile,
          revision: events.length - 1,
        })
      }
    }))

  it('say of each unit of work and its tasks what the domain says', () =>
    always((log) => {
      for (const row of foldAll(log).unit_of_works) {
        const events = streamsOf(log).get(`unit_of_work-${row.work_id}`)!
        const state = UnitOfWork.fold(events.map(({ event }) => event as UnitOfWork.Event))
        if (state.status === 'none') throw new Error('a row without a unit of work')
        const isCancelled = state.status === 'cancelled'
        expect(row.status).to.equal(isCancelled ? 'failed' : state.status)
        expect(row.results !== null && 'cancelled' in row.results).to.equal(isCancelled)
        expect(row.completed_at !== null).to.equal(state.status !== 'in_progress')
        if (state.status === 'completed' || state.status === 'failed')
          expect(row.results).to.deep.equal(UnitOfWork.resultsOf(state))
        expect(row.tasks.map(({ task_id, status }) => [task_id, status])).to.deep.equal(
          Object.entries(state.tasks).map(([id, task]) => [id, taskStatus(task, isCancelled)]),
        )
        for (const { task_id, attempts } of row.tasks) {
          expect(attempts.map(({ attempt }) => attempt)).to.deep.equal(
            state.tasks[task_id]!.attempts.map(({ attempt }) => attempt),
          )
          expect(attempts.slice(0, -1).every(({ ended_at }) => ended_at !== null)).to.equal(true)
        }
      }
    }))

  it('have a transition for each change of the current stage, the last of which is where the journey is', () =>
    always((log) => {
      const { journey_states, stage_transitions } = foldAll(log)
      for (const row of journey_states) {
        const transitions = stage_transitions.filter(({ client_id }) => client_id === row.client_id)
        expect(transitions.at(-1)).to.include({ to_stage: row.current_stage, from_stage: row.previous_stage })
        expect(transitions.at(-1)!.transitioned_at).to.equal(row.stage_started_at)
        for (const [index, { from_stage }] of transitions.entries())
          if (from_stage !== null) expect(from_stage).to.equal(transitions[index - 1]!.to_stage)
      }
    }))

  it('have an approval open for each task that waits for one', () =>
    always((log) => {
      const { unit_of_works, approvals } = foldAll(log)
      const waiting = unit_of_works.flatMap(({ work_id, tasks }) =>
        tasks.filter(({ status }) => status === 'waiting_approval').map(({ task_id }) => [work_id, task_id]),
      )
      const open = approvals.filter(({ closed_at }) => closed_at === null)
      expect(open.map(({ work_id, task_id }) => [work_id, task_id])).to.have.deep.members(waiting)
    }))

  it('are the same when folded in two parts', () =>
    fc.assert(
      fc.property(moves.map(logOf), fc.nat(100), (log, cut) => {
        const first = foldAll(log.slice(0, cut))
        const existing = {
          journeys: new Map(first.journey_states.map((row) => [row.client_id, row])),
          works: new Map(first.unit_of_works.map((row) => [row.work_id, row])),
          agents: new Map(first.agents.map((row) => [row.agent_id, row])),
        }
        const { rows } = fold(existing, log.slice(cut))
        const whole = foldAll(log)
        const merged = new Map([...first.journey_states, ...rows.journey_states].map((row) => [row.client_id, row]))
        expect([...merged.values()]).to.have.deep.members(whole.journey_states)
        expect([...first.stage_transitions, ...rows.stage_transitions]).to.deep.equal(whole.stage_transitions)
        expect([...first.journey_events, ...rows.journey_events]).to.deep.equal(whole.journey_events)
      }),
    ))

  it('hold no token with which somebody could answer for an agent', () =>
    always((log) => {
      const tokens = log.flatMap(({ event }) => (event.type === 'TaskExecutionStarted' ? [event.data.token] : []))
      const text = JSON.stringify(foldAll(log))
      expect(tokens.filter((token) => text.includes(token))).to.deep.equal([])
    }))
})

describe('a journey that is rolled back', () => {
  const log = logOf([
    { client: 0, action: 'start', pick: 1 },
    { client: 0, action: 'request_evaluation', pick: 1 },
    { client: 0, action: 'record_evaluation', pick: 1 },
    { client: 0, action: 'promote', pick: 0 },
    { client: 0, action: 'roll_back', pick: 1 },
    { client: 0, action: 'finish_rollback', pick: 3 },
    { client: 0, action: 'finish_rollback', pick: 1 },
  ])
  const upTo = (type: Recorded['event']['type']) =>
    foldAll(log.slice(0, log.findIndex(({ event }) => event.type === type) + 1)).journey_states[0]!

  it('is in the stage rollback meanwhile, and keeps the stage it leaves', () => {
    const row = upTo('RollbackInitiated')
    expect(row).to.include({
      current_stage: 'rollback',
      previous_stage: 'pilot',
      stage: 'pilot',
      status: 'rolling_back',
    })
    expect(row.completed_stages).to.deep.equal(['sandbox'])
    expect(row.rollback).to.include({ to_stage: 'sandbox', by: 'dana', category: 'manual', failed: null })
  })

  it('shows a rollback that failed until it is through', () => {
    expect(upTo('RollbackFailed').rollback?.failed?.reason).to.equal('because of 3')
    expect(upTo('RollbackCompleted').rollback).to.equal(null)
  })

  it('enters the stage before anew, without evidence, held, and with that stage not completed', () => {
    const row = foldAll(log).journey_states[0]!
    expect(row).to.include({ current_stage: 'sandbox', previous_stage: 'rollback', status: 'active', visit: 2 })
    expect(row.completed_stages).to.deep.equal([])
    expect(row.gate.last).to.equal(null)
    expect(row.held?.by).to.equal('system')
  })

  it('leaves transitions that name who wanted it', () => {
    const path = foldAll(log).stage_transitions.map(({ from_stage, to_stage, initiated_by }) => [
      from_stage as StageId | null,
      to_stage,
      initiated_by,
    ])
    expect(path).to.deep.equal([
      [null, 'sandbox', 'dana'],
      ['sandbox', 'pilot', 'system'],
      ['pilot', 'rollback', 'dana'],
      ['rollback', 'sandbox', 'dana'],
    ])
  })
})

describe('an event whose beginning is missing', () => {
  it('is refused by its code', () => {
    const [, hold] = logOf([
      { client: 0, action: 'start', pick: 1 },
      { client: 0, action: 'hold', pick: 1 },
    ])
    let code: unknown
    try {
      fold(nothing, [hold!])
    } catch (error) {
      code = codeOf(error)
    }
    expect(code).to.equal('projection/never_begun')
  })
})
