import { expect } from 'chai'
import { goodAgents, simulation } from '@journey/domain/testing'
import { commandKinds } from './registry.js'
import { problemsWith } from './validate.js'

describe('the commands of the stage process', () => {
  it('are valid, every one of a journey with failures, decisions and a rollback', () => {
    let broken = true
    const it = simulation({
      agents: {
        ...goodAgents,
        fails: (task, attempt) => (task === 'data' && attempt === 1) || (broken && task === 'scale_down'),
      },
    })
    it.start()
    it.run()
    it.send({ type: 'journey.validate_exit', data: { client_id: 'client-123' } })
    it.run()
    it.send({ type: 'approval.decide', data: { ...it.openApproval()!, decision: 'approve' } })
    it.run()
    it.send({ type: 'journey.rollback', data: { client_id: 'client-123', reason: 'critical bug' } })
    it.run()
    broken = false
    const [rollback] = it.worksOfKind('rollback')
    it.send({
      type: 'unit_of_work.retry',
      data: { work_id: rollback?.status === 'failed' ? rollback.creation.work_id : '' },
    })
    it.run()
    it.fire('gate_timeout')
    it.fire('re_evaluation')
    it.run()
    const cancelled = simulation()
    cancelled.start()
    cancelled.run()
    cancelled.send({ type: 'journey.cancel', data: { client_id: 'client-123', reason: 'enough' } })
    cancelled.run()
    const sent = [...it.sent, ...cancelled.sent]
    for (const { type, data } of sent) expect(problemsWith(commandKinds[type].data, data), type).to.deep.equal([])
    expect(new Set(sent.map(({ type }) => type))).to.include.members([
      'unit_of_work.create',
      'journey.request_evaluation',
      'journey.record_evaluation',
      'journey.finish_rollback',
      'task.start_retry',
      'unit_of_work.time_out',
      'unit_of_work.cancel',
    ])
  })
})
