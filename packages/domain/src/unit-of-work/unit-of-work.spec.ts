import { expect } from 'chai'
import * as fc from 'fast-check'
import { task, work } from '../testing/works.js'
import { transitions } from './transitions.js'
import * as UnitOfWork from './unit-of-work.js'

const typesOf = (events: readonly UnitOfWork.Event[]) => events.map(({ type }) => type)
const startedIn = (events: readonly UnitOfWork.Event[]) =>
  events.flatMap((event) => (event.type === 'TaskExecutionStarted' ? [event.data.task_id] : []))

describe('a unit of work', () => {
  it('starts every task that waits for nothing in the append that creates it', () => {
    const it = work([task('a'), task('b'), task('c', { depends_on: ['a', 'b'] })])
    expect(it.types()).to.deep.equal(['UnitOfWorkCreated', 'TaskExecutionStarted', 'TaskExecutionStarted'])
    expect(startedIn(it.events)).to.deep.equal(['a', 'b'])
  })

  it('starts a task in the append of the completion that freed it, and completes with the last', () => {
    const it = work([task('a'), task('b', { depends_on: ['a'] })])
    expect(typesOf(it.complete('a', { x: 1 }))).to.deep.equal(['TaskExecutionCompleted', 'TaskExecutionStarted'])
    const end = it.complete('b')
    expect(typesOf(end)).to.deep.equal(['TaskExecutionCompleted', 'UnitOfWorkCompleted'])
    expect(end[1]?.data).to.deep.include({
      kind: 'setup',
      results: {
        a: { status: 'completed', output: { x: 1 }, agent_id: 'a1' },
        b: { status: 'completed', output: {}, agent_id: 'a1' },
      },
    })
  })

  it('without tasks is completed at once', () =>
    expect(work([]).types()).to.deep.equal(['UnitOfWorkCreated', 'UnitOfWorkCompleted']))

  it('is created once', () => {
    const it = work([task('a')])
    expect(
      it.send({ type: 'unit_of_work.create', data: { ...(it.events[0] as { data: UnitOfWork.Creation }).data } }),
    ).to.deep.equal([])
  })

  it('gives a task the outputs of upstream tasks before what the journey brings', () => {
    const it = work([
      task('a', { output_schema: { environment_id: { type: 'string' } } }),
      task('b', { depends_on: ['a'] }),
      task('c', {
        depends_on: ['b'],
        input_schema: {
          environment_id: { type: 'string', required: true },
          data_sources: { type: 'array', required: true },
        },
      }),
    ])
    it.complete('a', { environment_id: 'env-9' })
    const [, started] = it.complete('b')
    expect(started?.type === 'TaskExecutionStarted' && started.data.input).to.deep.equal({
      environment_id: 'env-9',
      data_sources: ['jira'],
    })
  })

  it('stops a task whose required input nothing gives, before it is dispatched', () => {
    const it = work([task('a', { input_schema: { dataset_id: { type: 'string', required: true } } })])
    expect(it.types()).to.deep.equal(['UnitOfWorkCreated', 'TaskExecutionFailed', 'UnitOfWorkFailed'])
    expect(it.events[1]?.data).to.deep.include({ code: 'task/missing_input', final: true })
  })

  it('is unknown before it was created', () =>
    expect(() =>
      UnitOfWork.decide({ type: 'unit_of_work.cancel', data: { work_id: 'x', reason: 'y' } }, UnitOfWork.initial, {
        actor: { type: 'user', id: 'd' },
        at: '',
        entropy: '',
      }),
    )
      .to.throw()
      .with.property('code', 'unit_of_work/unknown'))
})

describe('a task that fails', () => {
  it('is tried again after a growing delay, 1 + max_retries times in all', () => {
    const it = work([task('a')])
    const delays: number[] = []
    for (const attempt of [1, 2, 3]) {
      const [failed, retry] = it.fail('a', attempt)
      expect(failed?.data).to.deep.include({ attempt, final: attempt === 3 })
      if (retry?.type === 'TaskRetryScheduled') {
        delays.push(retry.data.delay_ms)
        it.startRetry('a', attempt + 1)
      }
    }
    expect(delays).to.deep.equal([2_000, 4_000])
    expect(it.types().at(-1)).to.equal('UnitOfWorkFailed')
  })

  it('names the agent at which it failed when it is tried again', () => {
    const it = work([task('a')])
    it.fail('a')
    const [started] = it.startRetry('a', 2)
    expect(started?.data).to.deep.include({ attempt: 2, failed_agent: 'a1' })
  })

  it('is not tried again when the agent says that it makes no sense', () =>
    expect(typesOf(work([task('a')]).fail('a', 1, false))).to.deep.equal(['TaskExecutionFailed', 'UnitOfWorkFailed']))

  it('counts an output of the wrong type as a failure', () => {
    const it = work([task('a', { output_schema: { record_count: { type: 'number' } } })])
    const [failed] = it.complete('a', { record_count: 'many' })
    expect(failed?.data).to.deep.include({ code: 'task/invalid_output', retryable: true, final: false })
  })

  it('fails the unit of work only when nothing else runs any more', () => {
    const it = work([task('a'), task('b')])
    expect(typesOf(it.fail('a', 1, false))).to.deep.equal(['TaskExecutionFailed'])
    expect(typesOf(it.complete('b'))).to.deep.equal(['TaskExecutionCompleted', 'UnitOfWorkFailed'])
  })

  it('runs out of time once, however often its timer fires', () => {
    const it = work([task('a')])
    expect(it.timeOut('a')[0]?.data).to.deep.include({ code: 'task/timed_out', retryable: true })
    expect(it.timeOut('a')).to.deep.equal([])
  })

  it('is tried again by hand with a fresh number of retries', () => {
    const it = work([task('a')])
    it.fail('a', 1, false)
    expect(typesOf(it.send({ type: 'unit_of_work.retry', data: { work_id: 'work-1' } }))).to.deep.equal([
      'TaskExecutionStarted',
    ])
    expect(typesOf(it.fail('a', 2))).to.deep.equal(['TaskExecutionFailed', 'TaskRetryScheduled'])
    it.startRetry('a', 3)
    it.complete('a', {}, 3)
    expect(it.types().at(-1)).to.equal('UnitOfWorkCompleted')
  })

  it('leaves the completed tasks alone when it is tried again', () => {
    const it = work([task('a'), task('b')])
    it.complete('a')
    it.fail('b', 1, false)
    expect(startedIn(it.send({ type: 'unit_of_work.retry', data: { work_id: 'work-1' } }))).to.deep.equal(['b'])
  })
})

describe('a result', () => {
  it('that was heard before changes nothing', () => {
    const it = work([task('a'), task('b')])
    it.complete('a', { x: 1 })
    expect(it.complete('a', { x: 1 })).to.deep.equal([])
  })

  it('that says something else than the one before is recorded, not lost and not applied', () => {
    const it = work([task('a'), task('b')])
    it.complete('a', { x: 1 })
    expect(typesOf(it.complete('a', { x: 2 }))).to.deep.equal(['TaskLateResultRecorded'])
    expect(it.state()).to.have.nested.property('tasks.a.output').that.deep.equals({ x: 1 })
  })

  it('of an attempt that timed out is recorded as late, once, and never applied', () => {
    const it = work([task('a')])
    it.timeOut('a')
    expect(typesOf(it.complete('a'))).to.deep.equal(['TaskLateResultRecorded'])
    expect(it.complete('a')).to.deep.equal([])
    expect(it.state()).to.have.nested.property('tasks.a.status', 'retrying')
    expect(typesOf(it.fail('a'))).to.deep.equal(['TaskLateResultRecorded'])
    expect(it.fail('a')).to.deep.equal([])
  })

  it('that comes after the unit of work was cancelled is recorded as late', () => {
    const it = work([task('a')])
    it.send({ type: 'unit_of_work.cancel', data: { work_id: 'work-1', reason: 'enough' } })
    expect(typesOf(it.fail('a'))).to.deep.equal(['TaskLateResultRecorded'])
  })

  it('with a token that was never given is refused', () => {
    const it = work([task('a')])
    it.refused(
      { type: 'task.complete', data: { work_id: 'work-1', task_id: 'a', attempt: 1, token: 'guessed', output: {} } },
      'task/unknown_token',
    )
    it.refused(
      { type: 'task.complete', data: { work_id: 'work-1', task_id: 'z', attempt: 1, token: 'guessed', output: {} } },
      'task/unknown',
    )
  })

  it('needs a token that nobody can guess from the ids alone', () => {
    const [one, other] = ['x', 'y'].map((entropy) =>
      UnitOfWork.decide(
        { type: 'unit_of_work.create', data: (work([task('a')]).events[0] as { data: UnitOfWork.Creation }).data },
        UnitOfWork.initial,
        { actor: { type: 'user', id: 'd' }, at: '', entropy },
      ),
    )
    expect(one?.[1]).not.to.deep.equal(other?.[1])
  })
})

describe('an approval', () => {
  const asking = () => work([task('demo_approval', { kind: 'human' }), task('a')], { kind: 'gate' })
  const decide = (decision: UnitOfWork.Decision): UnitOfWork.Command => ({
    type: 'approval.decide',
    data: { work_id: 'work-1', task_id: 'demo_approval', decision },
  })

  it('is asked for, and decides its task', () => {
    const it = asking()
    expect(it.types()).to.include('ApprovalRequested')
    it.complete('a')
    expect(typesOf(it.send(decide('approve')))).to.deep.equal(['ApprovalDecided', 'UnitOfWorkCompleted'])
  })
  it('is decided once', () => {
    const it = asking()
    it.send(decide('approve'))
    expect(it.send(decide('approve'))).to.deep.equal([])
    it.refused(decide('reject'), 'approval/already_decided')
  })
  it('that was refused fails the unit of work, and can be asked for again', () => {
    const it = asking()
    it.complete('a')
    expect(typesOf(it.send(decide('reject')))).to.deep.equal(['ApprovalDecided', 'UnitOfWorkFailed'])
    expect(typesOf(it.send({ type: 'unit_of_work.retry', data: { work_id: 'work-1' } }))).to.deep.equal([
      'ApprovalRequested',
    ])
    expect(typesOf(it.send(decide('approve')))).to.deep.equal(['ApprovalDecided', 'UnitOfWorkCompleted'])
  })
  it('of a task that asks nobody is refused', () =>
    asking().refused(
      { type: 'approval.decide', data: { work_id: 'work-1', task_id: 'a', decision: 'approve' } },
      'approval/not_open',
    ))
  it('stays open when the time for its gate is up, while what was not measured fails', () => {
    const it = asking()
    const events = it.send({ type: 'unit_of_work.time_out', data: { work_id: 'work-1' } })
    expect(events.map(({ data }) => 'code' in data && data.code)).to.deep.equal(['gate/timed_out'])
    expect(it.state().status).to.equal('in_progress')
  })
})

describe('a cancelled unit of work', () => {
  const cancel: UnitOfWork.Command = { type: 'unit_of_work.cancel', data: { work_id: 'work-1', reason: 'enough' } }
  const retry: UnitOfWork.Command = { type: 'unit_of_work.retry', data: { work_id: 'work-1' } }
  const bySystem = { actor: { type: 'system', id: 'saga-processor' } }
  it('is not cancelled twice', () => {
    const it = work([task('a')])
    expect(typesOf(it.send(cancel))).to.deep.equal(['UnitOfWorkCancelled'])
    expect(it.send(cancel)).to.deep.equal([])
  })
  it('goes on with what was under way when a person thinks better of it', () => {
    const it = work([task('a'), task('b', { depends_on: ['a'] })])
    it.send(cancel)
    expect(startedIn(it.send(retry))).to.deep.equal(['a'])
    it.complete('a', {}, 2)
    it.complete('b')
    expect(it.types().at(-1)).to.equal('UnitOfWorkCompleted')
  })
  it('stays so when its visit is over', () => {
    const it = work([task('a')])
    it.send(cancel, bySystem)
    it.refused(retry, 'unit_of_work/cancelled')
  })
  it('was not completed before', () => {
    const it = work([task('a')])
    it.complete('a')
    it.refused({ type: 'unit_of_work.cancel', data: { work_id: 'work-1', reason: 'enough' } }, 'unit_of_work/completed')
  })
})

describe('any history of a unit of work', () => {
  const plan = [
    task('a'),
    task('b', { depends_on: ['a'] }),
    task('c', { depends_on: ['a'] }),
    task('d', { depends_on: ['b', 'c'] }),
  ]
  const move = fc.record({
    what: fc.constantFrom('complete', 'fail', 'fail for good', 'time out', 'retry', 'try again', 'cancel' as const),
    task_id: fc.constantFrom('a', 'b', 'c', 'd'),
    attempt: fc.integer({ min: 1, max: 4 }),
  })
  const run = (moves: readonly { what: string; task_id: string; attempt: number }[]) => {
    const it = work(plan)
    for (const { what, task_id, attempt } of moves)
      try {
        if (what === 'complete') it.complete(task_id, {}, attempt)
        if (what === 'fail') it.fail(task_id, attempt)
        if (what === 'fail for good') it.fail(task_id, attempt, false)
        if (what === 'time out') it.timeOut(task_id, attempt)
        if (what === 'retry') it.startRetry(task_id, attempt)
        if (what === 'try again') it.send({ type: 'unit_of_work.retry', data: { work_id: 'work-1' } })
        if (what === 'cancel' && attempt === 4)
          it.send({ type: 'unit_of_work.cancel', data: { work_id: 'work-1', reason: 'x' } })
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'Refusal') throw error
      }
    return it
  }

  it('moves as the table of transitions says', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        let state = UnitOfWork.initial
        for (const event of run(moves).events) {
          const allowed: Partial<Record<UnitOfWork.Event['type'], string>> = transitions[state.status]
          const next = UnitOfWork.evolve(state, event)
          expect(allowed[event.type], `${event.type} while ${state.status}`).to.equal(next.status)
          state = next
        }
      }),
    )
  })

  it('starts no task before everything it depends on is completed', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const done = new Set<string>()
        for (const event of run(moves).events) {
          if (event.type === 'TaskExecutionCompleted') done.add(event.data.task_id)
          if (event.type === 'TaskExecutionStarted')
            for (const id of plan.find(({ task_id }) => task_id === event.data.task_id)!.depends_on)
              expect(done).to.include(id)
        }
      }),
    )
  })

  it('completes each task at most once', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const completed = run(moves).events.flatMap((event) =>
          event.type === 'TaskExecutionCompleted' ? [event.data.task_id] : [],
        )
        expect(completed).to.have.lengthOf(new Set(completed).size)
      }),
    )
  })
})
