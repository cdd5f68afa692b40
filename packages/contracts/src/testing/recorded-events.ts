import { goodAgents, simulation } from '@journey/domain/testing'
import type { DomainEvent } from '../events/names.js'

/** Events of every type there is, of journeys with failures, decisions, late results, rollbacks and an end. */
export const recordedEvents = (): DomainEvent[] => {
  let broken = true
  const it = simulation({
    agents: {
      ...goodAgents,
      fails: (task, attempt) => (task === 'data' && attempt === 1) || (broken && task === 'scale_down'),
    },
  })
  const client_id = 'client-123'
  it.start()
  it.run()
  const [gate] = it.worksOfKind('gate')
  const { work_id } = gate?.status === 'in_progress' ? gate.creation : { work_id: '' }
  it.send({ type: 'journey.hold', data: { client_id, reason: 'audit' } })
  it.send({ type: 'approval.decide', data: { work_id, task_id: 'demo_approval', decision: 'approve' } })
  it.run()
  it.send({ type: 'journey.release', data: { client_id, reason: 'audited' } })
  it.run()
  it.send({ type: 'journey.rollback', data: { client_id, reason: 'critical bug' } })
  it.run()
  broken = false
  const [rollback] = it.worksOfKind('rollback')
  it.send({
    type: 'unit_of_work.retry',
    data: { work_id: rollback?.status === 'failed' ? rollback.creation.work_id : '' },
  })
  it.run()
  it.send({ type: 'journey.release', data: { client_id, reason: 'better' } })
  it.run()
  it.send({ type: 'journey.complete', data: { client_id } })
  it.run()
  const other = simulation()
  other.start()
  other.run()
  other.send({ type: 'journey.cancel', data: { client_id, reason: 'enough' } })
  other.run()
  const registration = {
    agent_id: 'a',
    name: 'A',
    intents: ['x'],
    type: 'agent',
    version: '1.0.0',
    cognitive_pattern: null,
  }
  return [
    ...[...it.past, ...other.past].map(({ event }) => event),
    { type: 'AgentCreated', data: { ...registration, created_by: 'a' } },
    { type: 'AgentUpdated', data: { ...registration, updated_by: 'a' } },
    {
      type: 'TaskLateResultRecorded',
      data: {
        work_id,
        client_id,
        stage: 'sandbox',
        kind: 'setup',
        task_id: 't',
        attempt: 1,
        outcome: 'completed',
        output: {},
        code: null,
        message: null,
        agent_id: null,
      },
    },
    {
      type: 'UnitOfWorkFailed',
      data: {
        work_id,
        client_id,
        stage: 'sandbox',
        kind: 'setup',
        episode: 1,
        visit: 1,
        n: 1,
        results: {},
        failed_tasks: ['t'],
        reason: 'r',
      },
    },
  ]
}
