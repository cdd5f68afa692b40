import { expect } from 'chai'
import { createFilter, isInLog } from './filters.js'

const event = { stream: 'order-1', type: 'OrderPlaced' }

describe('a filter', () => {
  it('passes what begins with one of its prefixes', () => {
    expect(createFilter({ on: 'stream', regex: '', prefixes: ['cart-', 'order-'] })(event)).to.equal(true)
    expect(createFilter({ on: 'type', regex: '', prefixes: ['order'] })(event), 'case matters').to.equal(false)
    expect(createFilter({ on: 'type', regex: '', prefixes: [''] })(event)).to.equal(true)
  })

  it('searches a regular expression anywhere, and prefers it to prefixes', () => {
    expect(createFilter({ on: 'type', regex: 'Placed', prefixes: ['x'] })(event)).to.equal(true)
    expect(createFilter({ on: 'type', regex: '^Placed', prefixes: ['Order'] })(event)).to.equal(false)
    expect(createFilter({ on: 'type', regex: '^[^$].*', prefixes: [] })({ ...event, type: '$metadata' })).to.equal(
      false,
    )
  })

  it('reads (?i) in front as in .NET', () => {
    expect(createFilter({ on: 'type', regex: '(?i)^order', prefixes: [] })(event)).to.equal(true)
  })

  it('passes nothing when it says nothing', () => {
    expect(createFilter({ on: 'type', regex: '', prefixes: [] })(event)).to.equal(false)
  })

  it('throws for what is not a regular expression', () => {
    expect(() => createFilter({ on: 'type', regex: '(', prefixes: [] })).to.throw(SyntaxError)
  })
})

describe('the log of everything', () => {
  it('leaves out the server’s own books, and nothing else', () => {
    const isShown = (stream: string) => isInLog({ stream, type: 'T' })
    expect(['$epoch-information', '$persistentsubscription-$all::g-parked'].map(isShown)).to.deep.equal([false, false])
    expect(['$settings', '$$order-1', '$persistentsubscription-s::g-parked'].map(isShown)).to.deep.equal([
      true,
      true,
      true,
    ])
  })
})
