import { expect } from 'chai'
import { eventIdFor } from './event-ids.js'

describe('the id of an event', () => {
  it('is the same for ever, given the command, the stream and the place in the append', () => {
    expect(eventIdFor('2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11', 'journey-client-123', 0)).to.equal(
      'a07477b4-3597-596b-95fd-689db58d07b7',
    )
    expect(eventIdFor('any text: ż', 'agent-1', 12)).to.equal('fa3b2623-05dd-571f-9176-404267b7cff6')
  })

  it('differs when the command, the stream or the place differs', () => {
    const ids = [
      eventIdFor('a', 'journey-1', 0),
      eventIdFor('a', 'journey-1', 1),
      eventIdFor('a', 'journey-2', 0),
      eventIdFor('b', 'journey-1', 0),
    ]
    expect(new Set(ids).size).to.equal(ids.length)
  })
})
