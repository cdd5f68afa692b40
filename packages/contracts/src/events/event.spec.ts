import { Ajv } from 'ajv'
import { expect } from 'chai'
import { recordedEvents as events } from '../testing/recorded-events.js'
import { domainEventOf, fromBus, fromStored, toBus, type Stored } from './event.js'
import { busTypes, isStoredType, storedTypeOf, type DomainEvent } from './names.js'
import { eventSchemas } from './schemas.js'

const stored = (event: DomainEvent, over: Partial<Stored> = {}): Stored => ({
  id: '550e8400-e29b-41d4-a716-446655440000',
  type: event.type,
  data: event.data,
  metadata: {
    $correlationId: 'req-1',
    $causationId: 'c-1',
    version: '1.0',
    timestamp: '2026-01-27T10:30:00.000Z',
    source: 'command-handler',
    actor: { type: 'user', id: 'dana' },
    command_type: 'x',
    command_digest: 'd',
  },
  stream: 'journey-client-123',
  revision: 7,
  position: 18446n,
  createdAt: '2026-01-27T10:30:00.001Z',
  ...over,
})

describe('the events of whole journeys', () => {
  it('fit their schemas, and are of every type there is', () => {
    const ajv = new Ajv({ allowUnionTypes: true })
    const all = events()
    for (const { type, data } of all) {
      ajv.validate(eventSchemas[type], data)
      expect(ajv.errors, `${type} ${JSON.stringify(ajv.errors)}`).to.equal(null)
    }
    expect(new Set(all.map(({ type }) => type))).to.deep.equal(new Set(Object.keys(busTypes)))
  })

  it('come through storing and publishing as they were', () => {
    for (const event of events()) {
      const kept = stored(event)
      expect(domainEventOf(kept)).to.deep.equal(event)
      expect(fromBus(Buffer.from(JSON.stringify(toBus(kept))))).to.deep.equal(fromStored(kept))
    }
  })
})

describe('an event on the bus', () => {
  it('has the body that the contract promises', () => {
    const event: DomainEvent = {
      type: 'PromotionHeld',
      data: { client_id: 'client-123', episode: 1, stage: 'sandbox', visit: 1, reason: 'audit', held_by: 'dana' },
    }
    expect(toBus(stored(event))).to.deep.equal({
      event_id: '550e8400-e29b-41d4-a716-446655440000',
      event_type: 'journey.promotion_held',
      event_version: '1.0',
      timestamp: '2026-01-27T10:30:00.000Z',
      source: 'command-handler',
      data: event.data,
      metadata: {
        correlation_id: 'req-1',
        causation_id: 'c-1',
        actor: { type: 'user', id: 'dana' },
        stream: 'journey-client-123',
        revision: 7,
        position: '18446',
        schema_version: '1.0',
      },
    })
  })
  it('has a type of two words, one for each stored type', () => {
    for (const [type, bus] of Object.entries(busTypes)) {
      expect(bus).to.match(/^[a-z_]+\.[a-z_]+$/)
      expect(storedTypeOf(bus)).to.equal(type)
    }
    expect([storedTypeOf('constructor'), isStoredType('toString')]).to.deep.equal([undefined, false])
  })
  it('of a newer minor version is read, of another major is not', () => {
    const event: DomainEvent = {
      type: 'JourneyCancelled',
      data: { client_id: 'a', episode: 1, stage: 'sandbox', visit: 1, reason: 'r', cancelled_by: 'd' },
    }
    const version = (version: string) =>
      Buffer.from(
        JSON.stringify({ ...toBus(stored(event)), event_version: version, data: { ...event.data, mood: 'new' } }),
      )
    expect(fromBus(version('1.9')).version).to.equal('1.9')
    expect(() => fromBus(version('2.0')))
      .to.throw()
      .with.property('code', 'event/unsupported_version')
  })
  it('that is not ours or lacks its place is malformed', () => {
    expect(() => fromBus(Buffer.from('{"event_type":"knowledge.shared"}')))
      .to.throw()
      .with.property('code', 'event/unknown_type')
    expect(() => fromBus(Buffer.from('{"event_type":"journey.started"}')))
      .to.throw()
      .with.property('code', 'event/invalid')
    expect(() => fromBus(Buffer.from('null')))
      .to.throw()
      .with.property('family', 'malformed')
  })
  it('of a type that is not ours is not made', () =>
    expect(toBus({ ...stored({ type: 'AgentCreated' } as DomainEvent), type: 'Foreign' })).to.equal(undefined))
})
