import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { applyRequest } from './apply-request.js'
import { Draft } from './draft.js'

const empty = () => new Draft({ heads: new Map(), position: 0n, greatestStreamId: 0n, created: 1n }, [])
const anEvent = () => ({
  id: randomUUID(),
  type: 'Tested',
  isJson: true,
  data: Buffer.from('{}'),
  metadata: Buffer.alloc(0),
})

describe('a group of appends being decided', () => {
  it('begins a stream with its first event, and once, however many appends without events come before', () => {
    const draft = empty()
    for (const events of [[], [], [anEvent()], []])
      expect(applyRequest(draft, { kind: 'append', stream: 'order-1', expected: 'any', events }).kind).to.equal(
        'written',
      )
    expect(draft.newStreams).to.deep.equal([{ id: 1n, name: 'order-1' }])
    expect(draft.events.map(({ revision }) => revision)).to.deep.equal([0n])
  })

  it('leaves no stream behind that has no event', () => {
    const draft = empty()
    applyRequest(draft, { kind: 'append', stream: 'order-1', expected: 'no_stream', events: [] })
    expect([draft.newStreams, draft.events]).to.deep.equal([[], []])
  })
})
