import { expect } from 'chai'
import { createProofs, exchanges, receivedType, type Stored } from '@journey/contracts'
import { knowledgeShared } from '@journey/contracts/testing'
import { publicationOf } from './publication.js'

describe('an event of others on its way to the bus', () => {
  const proofs = createProofs(Buffer.alloc(32))
  const event = knowledgeShared()
  const stored = (data: object): Stored => ({
    id: 'one',
    type: receivedType,
    stream: 'received-knowledge',
    revision: 3,
    position: 7n,
    data,
    metadata: {},
    createdAt: '2026-01-27T10:00:00.000Z',
  })

  it('goes as its publisher sent it', () => {
    const sent = publicationOf(stored(event), proofs)
    expect(sent).to.include({ exchange: exchanges.events.name, key: event.event_type })
    expect(JSON.parse(sent!.body.toString())).to.deep.include({ data: event.data })
  })

  it('goes without its data, when they are gone', () => {
    const { data: _, ...rest } = event
    expect(publicationOf(stored(rest), proofs)).to.include({ key: event.event_type })
  })

  it('is passed over when nothing is left of it, so that the others go on', () => {
    expect(publicationOf(stored({}), proofs)).to.equal(undefined)
  })
})
