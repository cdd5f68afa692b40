import { expect } from 'chai'
import { codeOf } from '@journey/runtime'
import { agentCreated, knowledgeShared } from '../testing/events-of-others.js'
import { anyFromBus, anyFromStored, toBus, type Stored } from './event.js'
import { readReceived } from './received.js'

type Event = { event_type: string; timestamp: string; data: object; metadata: object }
const bytes = (event: unknown): Buffer => Buffer.from(JSON.stringify(event))
const familyOf = ({ event_type }: Event) => event_type.split('.')[0] as 'agent'
const codeIn =
  (family: ReturnType<typeof familyOf>) =>
  (event: Event): unknown => {
    try {
      readReceived(bytes(event), family)
      return 'taken'
    } catch (error) {
      return codeOf(error)
    }
  }
const without = <Part extends object>(part: Part, field: string): Part =>
  Object.fromEntries(Object.entries(part).filter(([name]) => name !== field)) as Part

for (const [what, event, optional] of [
  ['agent.created', agentCreated(), ['causation_id']],
  ['knowledge.shared', knowledgeShared(), []],
] as const)
  describe(`${what} as the integration patterns show it`, () => {
    const codeFor = codeIn(familyOf(event))

    it('is taken as it is', () => {
      const { stream, id, envelope, correlationId } = readReceived(bytes(event), familyOf(event))
      expect([stream, id, correlationId]).to.deep.equal([`received-${familyOf(event)}`, event.event_id, 'req_abc123'])
      expect(envelope).to.deep.equal(event)
    })

    it('is refused without any one of its required fields', () => {
      for (const field of Object.keys(event))
        expect([field, codeFor(without(event, field))]).to.deep.equal([field, 'event/invalid'])
      for (const field of Object.keys(event.data))
        expect([field, codeFor({ ...event, data: without(event.data, field) })]).to.deep.equal([field, 'event/invalid'])
      for (const field of Object.keys(event.metadata))
        expect([field, codeFor({ ...event, metadata: without(event.metadata, field) })]).to.deep.equal([
          field,
          (optional as readonly string[]).includes(field) ? 'taken' : 'event/invalid',
        ])
    })

    it('may have a correlation id of 255 characters, and none longer', () => {
      const codeOfLength = (length: number) =>
        codeFor({ ...event, metadata: { ...event.metadata, correlation_id: 'ä'.repeat(length) } })
      expect([255, 256].map(codeOfLength)).to.deep.equal(['taken', 'event/invalid'])
    })

    it('may say more than its schema asks for, but no less', () => {
      expect(codeFor({ ...event, data: { ...event.data, mood: 'good' } })).to.equal('taken')
      expect(codeFor({ ...event, timestamp: '2024-02-30T99:00:00Z' })).to.equal('event/invalid')
      expect(codeFor({ ...event, timestamp: '0001-01-01T00:00:00Z' })).to.equal('event/invalid')
    })
  })

describe('an event of others, once it is recorded', () => {
  const stored = (data: unknown): Stored => ({
    id: '550e8400-e29b-41d4-a716-446655440000',
    type: 'ReceivedEvent',
    data,
    metadata: {},
    stream: 'received-knowledge',
    revision: 7,
    position: 18446n,
    createdAt: '2026-01-27T10:30:00.001Z',
  })

  it('goes over the bus as its publisher sent it, with where it stands', () => {
    const event = { ...knowledgeShared(), further: { kept: true } }
    expect(toBus(stored(event))).to.deep.equal({
      ...event,
      metadata: { ...event.metadata, stream: 'received-knowledge', revision: 7, position: '18446' },
    })
  })

  it('is the same off the bus as out of the store, whatever place it claimed itself', () => {
    const event = {
      ...knowledgeShared(),
      metadata: { correlation_id: 'r', stream: 'elsewhere', revision: 99, position: 'x' },
    }
    const kept = stored(event)
    expect(anyFromBus(bytes(toBus(kept)))).to.deep.equal(anyFromStored(kept))
    expect(anyFromStored(kept)).to.deep.include({
      stream: 'received-knowledge',
      revision: 7,
      position: '18446',
      event: { type: 'ReceivedEvent', data: { event_type: 'knowledge.shared', data: event.data } },
    })
  })

  it('that did not open is told so', () => {
    const read = () => anyFromStored(stored({ ...knowledgeShared(), $sealed: 'AAAA' }))
    expect(read).to.throw().with.property('code', 'privacy/tampered')
  })
})
