import { expect } from 'chai'
import { domainEventOf } from './event.js'
import { versionOf, type Lineages } from './upcast.js'

// No type has a second version yet, so the steps are seen at work on a lineage of their own.
const lineages: Lineages = {
  JourneyCancelled: {
    current: '2.0',
    steps: [
      { from: '1.0', to: '1.1', upcast: (data) => ({ ...data, a: 1 }) },
      { from: '1.1', to: '2.0', upcast: (data) => ({ ...data, b: 2 }) },
    ],
  },
}
const read = (version: string | undefined, type = 'JourneyCancelled') =>
  domainEventOf({ type, data: { x: 0 }, metadata: { ...(version && { version }) } }, lineages)?.data

describe('an event of an earlier version', () => {
  it('is taken through every step to the one that is read today', () => {
    expect(read('1.0')).to.deep.equal({ x: 0, a: 1, b: 2 })
    expect(read('1.1')).to.deep.equal({ x: 0, b: 2 })
  })
  it('is of the first version when it names none', () => expect(read(undefined)).to.deep.equal({ x: 0, a: 1, b: 2 }))
  it('is not read when no step leads from its major version', () => {
    for (const version of ['1.7', '3.0', '20.0', 'two'])
      expect(() => read(version), version)
        .to.throw()
        .with.property('code', 'event/unsupported_version')
  })
})

describe('an event of a newer minor version', () => {
  it('is read as it is', () => expect(read('2.4')).to.deep.equal({ x: 0 }))
})

describe('a type that has not changed', () => {
  it('is written in its first version', () => {
    expect([versionOf('JourneyStarted', lineages), versionOf('JourneyCancelled', lineages)]).to.deep.equal([
      '1.0',
      '2.0',
    ])
    expect(read('1.0', 'JourneyHeld')).to.equal(undefined)
    expect(read('1.3', 'PromotionHeld')).to.deep.equal({ x: 0 })
  })
})
