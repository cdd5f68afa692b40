import { Refusal } from '@journey/domain'
import { conflict, malformed, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { problem, problemOf } from './problems.js'

const summary = (error: unknown) => {
  const { status, code, title } = problemOf(error)
  return [status, code, title]
}

describe('an error as a problem', () => {
  it('has the status of its family', () => {
    expect(summary(new Refusal('journey/held', 'held'))).to.deep.equal([409, 'journey/held', 'Conflict'])
    expect(summary(malformed('command/invalid', 'wrong'))).to.deep.equal([
      422,
      'command/invalid',
      'Unprocessable Entity',
    ])
    expect(summary(unavailable('broker/away', 'away'))).to.deep.equal([503, 'broker/away', 'Service Unavailable'])
    expect(summary(conflict('database/serialization', 'again'))[0]).to.equal(409)
  })

  it('that is no JSON at all is a bad request, one too large says so', () => {
    expect(summary(malformed('json/unreadable', 'no JSON'))[0]).to.equal(400)
    expect(summary(malformed('json/not_utf8', 'no text'))[0]).to.equal(400)
    expect(summary(malformed('json/too_large', 'too large'))[0]).to.equal(413)
  })

  it('names every field that is at fault', () => {
    const details = [{ field: 'reason', code: 'text', message: 'reason must be a text' }]
    expect(problemOf(malformed('command/invalid', 'wrong', details)).errors).to.deep.equal(details)
  })

  it('tells nothing of a bug', () => {
    const found = problemOf(new Error('select secret from vault'))
    expect(found).to.deep.include({ status: 500, code: 'internal/bug', errors: [] })
    expect(JSON.stringify(found)).not.to.contain('vault')
  })

  it('keeps what was made a problem already', () => {
    const made = problem(504, 'command/outcome_pending', 'not yet', [], { command_id: 'a' })
    expect(problemOf(made)).to.deep.include({ status: 504, title: 'Gateway Timeout', command_id: 'a' })
  })
})
