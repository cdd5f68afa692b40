import { readCommand } from '@journey/contracts'
import { expect } from 'chai'
import { completed, failed, type Answer } from './answer.js'
import type { Task } from './task.js'
import { TaskFailure } from './task-failure.js'

const task = { work_id: 'w-1', task_id: 'scan', attempt: 2, token: 't-2' } as Task

const loop: { self?: unknown } = {}
loop.self = loop

/** As the command-handler would read it. */
const read = ({ id, type, data }: Answer) =>
  readCommand({
    body: Buffer.from(JSON.stringify({ command_id: id, command_type: type, data })),
    routingKey: type,
    headers: {},
  }).command

describe('the answer to a task that was done', () => {
  it('carries the output with the attempt and its token', () => {
    expect(read(completed(task, 'scanner', { found: 0 }))).to.deep.equal({
      type: 'task.complete',
      data: { work_id: 'w-1', task_id: 'scan', attempt: 2, token: 't-2', agent_id: 'scanner', output: { found: 0 } },
    })
  })

  it('has an empty output when the handler returned nothing', () => {
    expect(completed(task, 'scanner', undefined).data).to.deep.include({ output: {} })
  })

  it('is the same command each time, and another one for another attempt', () => {
    const id = completed(task, 'scanner', { found: 0 }).id
    expect(completed(task, 'other', { found: 1 }).id).to.equal(id)
    expect(failed(task, 'scanner', new Error('away')).id).to.equal(id)
    expect(completed({ ...task, attempt: 3, token: 't-3' }, 'scanner', {}).id).to.not.equal(id)
  })

  for (const [name, output] of Object.entries({
    'is no object': [1],
    'refers to itself': loop,
  }))
    it(`is a failure for good when the output ${name}`, () => {
      expect(completed(task, 'scanner', output)).to.deep.include({ type: 'task.fail' })
      expect(completed(task, 'scanner', output).data).to.include({ code: 'agent/invalid_output', retryable: false })
    })

  it('is a failure for good when the output fits no command', () => {
    const answer = completed(task, 'scanner', { text: 'x'.repeat(256 * 1024) })
    expect(answer.data).to.include({ code: 'agent/output_too_large', retryable: false })
  })
})

describe('the answer to a task whose handler threw', () => {
  it('says what a TaskFailure says', () => {
    const error = new TaskFailure('scan/no_access', 'The token was revoked.', { retryable: false })
    expect(read(failed(task, 'scanner', error)).data).to.deep.equal({
      work_id: 'w-1',
      task_id: 'scan',
      attempt: 2,
      token: 't-2',
      agent_id: 'scanner',
      code: 'scan/no_access',
      message: 'The token was revoked.',
      retryable: false,
    })
  })

  it('is internal and retryable for anything else', () => {
    expect(read(failed(task, 'scanner', new Error('boom'))).data).to.include({
      code: 'agent/internal',
      message: 'boom',
      retryable: true,
    })
  })

  it('stays readable whatever was thrown', () => {
    for (const thrown of [undefined, '', new Error(''), 'x'.repeat(50_000), new TaskFailure(' ', 'no code')])
      expect(read(failed(task, 'scanner', thrown)).type).to.equal('task.fail')
  })
})
