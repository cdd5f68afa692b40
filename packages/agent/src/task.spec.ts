import { Fault } from '@journey/runtime'
import { expect } from 'chai'
import { readTask } from './task.js'

const whole = {
  work_id: 'w-1',
  task_id: 'scan',
  attempt: 1,
  token: 't-1',
  idempotency_key: 'w-1:scan',
  intent: 'run_security_scan',
  client_id: 'client-123',
  stage: 'sandbox',
  deadline: '2026-01-27T10:32:00Z',
  input: {},
  parameters: {},
  source_agent: { agent_id: 'journey-orchestrator' },
  target_agent: null,
}

const faultOf = (body: unknown): Fault => {
  try {
    readTask(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('it was read')
}

describe('a task off the bus', () => {
  it('is read as it is, fields of a newer orchestrator included', () => {
    const newer = { ...whole, priority: 3 }
    expect(readTask(Buffer.from(JSON.stringify(newer)))).to.deep.equal(newer)
  })

  it('names every field that is wrong', () => {
    const { family, code, details } = faultOf({ ...whole, attempt: 0, token: undefined, deadline: 'soon', input: [] })
    expect({ family, code }).to.deep.equal({ family: 'malformed', code: 'task/invalid' })
    expect(details.map(({ field }) => field)).to.have.members(['attempt', 'token', 'deadline', 'input'])
  })

  for (const body of ['{', 'null', '[]', '"task"'])
    it(`is malformed as ${body}`, () => expect(faultOf(body).family).to.equal('malformed'))
})
