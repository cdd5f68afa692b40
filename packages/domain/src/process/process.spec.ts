import { expect } from 'chai'
import * as fc from 'fast-check'
import { goodAgents, simulation, type Agents } from '../testing/simulation.js'

const types = ({ journey }: ReturnType<typeof simulation>) => journey.map(({ type }) => type)
const approve = (it: ReturnType<typeof simulation>, decision: 'approve' | 'reject' = 'approve') => {
  const open = it.openApproval()
  if (!open) throw new Error('nothing waits for an approval')
  it.send({ type: 'approval.decide', data: { ...open, decision } })
  it.run()
}
const inProduction = (it = simulation({ parameters: { auto_approve: true } })) => {
  it.start()
  it.run()
  return it
}

describe('the stage process', () => {
  it('brings a client from the sandbox to the gate of production, step by step', () => {
    const it = inProduction()
    expect(types(it)).to.deep.equal([
      'JourneyStarted',
      ...['ExitEvaluationRequested', 'ExitCriteriaEvaluated', 'StagePromoted'],
      ...['ExitEvaluationRequested', 'ExitCriteriaEvaluated', 'StagePromoted'],
      ...['ExitEvaluationRequested', 'ExitCriteriaEvaluated'],
    ])
    expect(it.state()).to.deep.include({ status: 'active', stage: 'production' })
    it.send({ type: 'journey.complete', data: { client_id: 'client-123' } })
    expect(it.state().status).to.equal('completed')
  })

  it('shows the gate as pending while only a human is asked, and goes on with the decision', () => {
    const it = simulation()
    it.start()
    it.run()
    expect(it.journey.at(-1)).to.deep.include({ type: 'ExitCriteriaEvaluated' })
    expect(it.journey.at(-1)?.data).to.deep.include({
      verdict: 'pending',
      exit_criteria_results: { security_scan: true, demo_approval: false },
    })
    approve(it)
    expect(it.state()).to.deep.include({ status: 'active', stage: 'production' })
  })

  it('asks for the approval once a visit, and evaluates afresh when it comes after a later gate', () => {
    const it = simulation()
    it.start()
    it.run()
    it.send({ type: 'journey.validate_exit', data: { client_id: 'client-123' } })
    it.run()
    const asked = [...it.works.values()].flat().filter(({ type }) => type === 'ApprovalRequested')
    expect(asked).to.have.lengthOf(1)
    approve(it)
    expect(types(it).filter((type) => type === 'ExitEvaluationRequested').length).to.be.greaterThan(3)
    expect(it.state()).to.deep.include({ stage: 'production' })
  })

  it('stays where it is when the demo is rejected, until it is asked for again', () => {
    const it = simulation()
    it.start()
    it.run()
    const { work_id } = it.openApproval()!
    approve(it, 'reject')
    expect(it.journey.at(-1)?.data).to.deep.include({ verdict: 'fail' })
    it.send({ type: 'unit_of_work.retry', data: { work_id } })
    it.run()
    approve(it)
    expect(it.state()).to.deep.include({ stage: 'production' })
  })

  it('looks at a failed gate again after a while, and then after twice as long', () => {
    let critical = 1
    const agents: Agents = {
      ...goodAgents,
      measure: () => [
        { name: 'vulnerabilities_critical', value: critical },
        { name: 'vulnerabilities_high', value: 0 },
      ],
    }
    const it = simulation({ agents, parameters: { auto_approve: true } })
    it.start()
    it.run()
    expect(it.timers.get('re_evaluation:client-123')?.due_at).to.equal(it.later(3_600_000))
    it.fire('re_evaluation')
    it.run()
    expect(it.timers.get('re_evaluation:client-123')?.due_at).to.equal(it.later(2 * 3_600_000))
    critical = 0
    it.fire('re_evaluation')
    it.run()
    expect(it.state()).to.deep.include({ stage: 'production' })
  })

  it('judges a gate that runs out of time as in error', () => {
    const it = simulation({ agents: { ...goodAgents, measure: () => [] }, parameters: { auto_approve: true } })
    it.start()
    it.run()
    expect(it.journey.at(-1)?.data).to.deep.include({ verdict: 'inconclusive' })
  })

  it('rolls back: stops the work of the visit, undoes what was done in reverse, and sets the stage before up anew', () => {
    const it = simulation({
      agents: {
        ...goodAgents,
        measure: (id, work) => (id === 'security_scan' && work ? goodAgents.measure(id, work) : []),
      },
      parameters: { auto_approve: true },
      policy: { auto_promotion: false },
    })
    it.start()
    it.run()
    it.send({ type: 'journey.promote', data: { client_id: 'client-123' } })
    it.run()
    it.send({ type: 'journey.rollback', data: { client_id: 'client-123', reason: 'critical bug' } })
    it.run()
    const [undone] = it.worksOfKind('rollback')
    expect(
      undone?.status === 'completed' &&
        undone.creation.plan.tasks.map(({ task_id, depends_on, input }) => ({ task_id, depends_on, input })),
    ).to.deep.equal([
      { task_id: 'undeploy', depends_on: [], input: { deployment_id: 'dep' } },
      { task_id: 'teardown_dataset', depends_on: ['undeploy'], input: { dataset_id: 'set' } },
    ])
    expect(types(it)).to.include.members(['RollbackInitiated', 'RollbackCompleted', 'PromotionHeld'])
    expect(it.state()).to.deep.include({ status: 'active', stage: 'sandbox', setup_done: true })
    expect(it.worksOfKind('setup')).to.have.lengthOf(3)
  })

  it('rolls back by itself when a stage beyond the sandbox cannot be set up', () => {
    const it = simulation({
      agents: { ...goodAgents, fails: (task) => task === 'access' },
      parameters: { auto_approve: true },
    })
    it.start()
    it.run()
    const initiated = it.journey.find(({ type }) => type === 'RollbackInitiated')
    expect(initiated?.data).to.deep.include({
      initiated_by: 'system',
      category: 'work_failed',
      from_stage: 'pilot',
      to_stage: 'sandbox',
    })
    expect(it.state()).to.deep.include({ status: 'active', stage: 'sandbox' })
  })

  it('leaves a failed set-up to a human where auto-rollback is off, and goes on when it is retried', () => {
    let broken = true
    const it = simulation({
      agents: { ...goodAgents, fails: (task) => broken && task === 'access' },
      parameters: { auto_approve: true },
      auto_rollback: false,
    })
    it.start()
    it.run()
    expect(it.state()).to.deep.include({ status: 'active', stage: 'pilot', setup_done: false })
    broken = false
    const [failed] = it.worksOfKind('setup').filter(({ status }) => status === 'failed')
    it.send({
      type: 'unit_of_work.retry',
      data: { work_id: failed?.status === 'failed' ? failed.creation.work_id : '' },
    })
    it.run()
    expect(it.state()).to.deep.include({ stage: 'production' })
  })

  it('rolls back by itself when production has an incident', () => {
    const agents: Agents = {
      ...goodAgents,
      measure: (id) =>
        goodAgents
          .measure(id, '')
          .map((one) => (id === 'incidents' && one.name === 'incidents_p1' ? { ...one, value: 1 } : one)),
    }
    const it = simulation({ agents, parameters: { auto_approve: true } })
    it.start()
    it.run()
    expect(it.journey.find(({ type }) => type === 'RollbackInitiated')?.data).to.deep.include({
      category: 'incident',
      from_stage: 'production',
      to_stage: 'pilot',
    })
    expect(it.state()).to.deep.include({ status: 'active', stage: 'pilot' })
  })

  it('shows a rollback whose compensation fails, and completes it when that is retried', () => {
    let broken = true
    const it = simulation({
      agents: { ...goodAgents, fails: (task) => broken && task === 'scale_down' },
      parameters: { auto_approve: true },
    })
    inProduction(it)
    it.send({ type: 'journey.rollback', data: { client_id: 'client-123', reason: 'critical bug' } })
    it.run()
    expect(types(it).at(-1)).to.equal('RollbackFailed')
    broken = false
    const [rollback] = it.worksOfKind('rollback')
    it.send({
      type: 'unit_of_work.retry',
      data: { work_id: rollback?.status === 'failed' ? rollback.creation.work_id : '' },
    })
    it.run()
    expect(it.state()).to.deep.include({ status: 'active', stage: 'pilot' })
  })

  it('evaluates a gate that a person cancelled as it stands, so that another can follow', () => {
    const it = simulation()
    it.start()
    it.run()
    it.send({ type: 'unit_of_work.cancel', data: { work_id: it.openApproval()!.work_id, reason: 'not now' } })
    it.run()
    it.send({ type: 'journey.validate_exit', data: { client_id: 'client-123' } })
    it.run()
    expect(it.state()).to.have.nested.property('gate.n', 2)
    const [first] = it.worksOfKind('gate')
    const { work_id } = first?.status === 'cancelled' ? first.creation : { work_id: '' }
    it.send({ type: 'unit_of_work.retry', data: { work_id } })
    it.run()
    approve(it)
    expect(it.state()).to.deep.include({ stage: 'production' })
  })

  it('opens a rejected demo again after further gates too', () => {
    const it = simulation()
    it.start()
    it.run()
    const { work_id } = it.openApproval()!
    approve(it, 'reject')
    it.send({ type: 'journey.validate_exit', data: { client_id: 'client-123' } })
    it.run()
    it.send({ type: 'unit_of_work.retry', data: { work_id, task_id: 'demo_approval' } })
    it.run()
    approve(it)
    expect(it.state()).to.deep.include({ stage: 'production' })
  })

  it('stops the work of a cancelled journey', () => {
    const it = simulation()
    it.start()
    it.run()
    it.send({ type: 'journey.cancel', data: { client_id: 'client-123', reason: 'enough' } })
    it.run()
    expect(it.worksOfKind('gate').map(({ status }) => status)).to.deep.equal(['cancelled'])
  })

  it('begins a new episode of the same client from the beginning', () => {
    const it = inProduction()
    it.send({ type: 'journey.cancel', data: { client_id: 'client-123', reason: 'again' } })
    it.run()
    it.start()
    it.run()
    expect(it.state()).to.deep.include({ episode: 2, stage: 'production' })
  })

  it('comes to the same end whatever the order of events, and however often they come', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(1_000)), fc.boolean(), (numbers, rollsBack) => {
        const next = () => numbers.next().value as number
        let repeats = 60
        const disorder = [() => next(), () => repeats-- > 0 && next() % 3 === 0] as const
        const it = simulation({ parameters: { auto_approve: true } })
        it.start()
        it.run(...disorder)
        expect(it.state()).to.deep.include({ status: 'active', stage: 'production', setup_done: true })
        const setups = it.worksOfKind('setup').length
        expect(setups).to.equal(3)
        if (!rollsBack) return
        it.send({ type: 'journey.rollback', data: { client_id: 'client-123', reason: 'critical bug' } })
        repeats = 60
        it.run(...disorder)
        expect(it.state()).to.deep.include({ status: 'active', stage: 'pilot', setup_done: true })
        expect(it.worksOfKind('rollback').map(({ status }) => status)).to.deep.equal(['completed'])
      }),
      { numRuns: 60 },
    )
  })
})
