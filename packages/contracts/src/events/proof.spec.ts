import { expect } from 'chai'
import { randomBytes } from 'node:crypto'
import { codeOf } from '@journey/runtime'
import { fromBus, type Stored } from './event.js'
import { readProven } from './hearsay.js'
import { createProofs, proofHeader } from './proof.js'

const proofs = createProofs(randomBytes(32))
const place = { id: '550e8400-e29b-41d4-a716-446655440000', stream: 'journey-c', revision: 3, position: '18446' }
const bodyOf = (over: object = {}, metadata: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      event_id: place.id,
      event_type: 'journey.promotion_held',
      event_version: '1.0',
      timestamp: '2026-01-27T10:30:00.000Z',
      source: 'command-handler',
      data: { client_id: 'c', episode: 1, stage: 'sandbox', visit: 1, reason: 'r', held_by: 'dana' },
      metadata: { stream: place.stream, revision: place.revision, position: place.position, ...metadata },
      ...over,
    }),
  )
const message = ({ body = bodyOf(), by = proofs, headers = {}, id = place.id } = {}) => {
  const { id: _, ...where } = place
  return {
    body,
    properties: { messageId: id, headers: { ...where, [proofHeader]: by.of(place, bodyOf()), ...headers } },
  }
}

describe('the proof of an event message', () => {
  it('holds for the message that the relay made', () => expect(proofs.hold(message())).to.equal(true))

  const forgeries = {
    'another body': message({ body: bodyOf({ source: 'a liar' }) }),
    'a body with one byte more': message({ body: Buffer.concat([bodyOf(), Buffer.from(' ')]) }),
    'another stream': message({ headers: { stream: 'journey-d' } }),
    'another revision': message({ headers: { revision: 4 } }),
    'a revision that is text': message({ headers: { revision: '3' } }),
    'another position': message({ headers: { position: '18447' } }),
    'another id': message({ id: '550e8400-e29b-41d4-a716-446655440001' }),
    'what runs over from one part into the next': message({ id: `${place.id}\0journey`, headers: { stream: 'c' } }),
    'a proof by another secret': message({ by: createProofs(randomBytes(32)) }),
    'a proof that is cut off': message({ headers: { [proofHeader]: proofs.of(place, bodyOf()).slice(0, 20) } }),
    'a proof that is none': message({ headers: { [proofHeader]: 7 } }),
    'no proof': message({ headers: { [proofHeader]: undefined } }),
    'nothing at all': { body: bodyOf(), properties: { headers: {} } },
  }
  for (const [what, forged] of Object.entries(forgeries))
    it(`does not hold for ${what}`, () => expect(proofs.hold(forged)).to.equal(false))
})

describe('an event off the bus', () => {
  const stored: Stored = {
    id: place.id,
    type: 'PromotionHeld',
    data: { client_id: 'c', reason: 'true' },
    metadata: {},
    stream: place.stream,
    revision: place.revision,
    position: 18446n,
    createdAt: '2026-01-27T10:30:00.000Z',
  }
  /** Reads a message with one stored event behind it. */
  const read = async (heard: Parameters<typeof readProven>[2]) => {
    const looked: string[] = []
    const look = (stream: string, { from, maxCount }: { from: number; maxCount: number }) => {
      looked.push(`${stream}@${from} ${maxCount}`)
      return Promise.resolve(stream === stored.stream && from === stored.revision ? [stored] : [])
    }
    const outcome = await readProven(proofs, look, heard).catch((error: unknown) => codeOf(error))
    return { outcome, looked }
  }
  const unproven = (over: object, metadata: object = {}) =>
    read({ body: bodyOf(over, metadata), properties: { headers: {} } })

  it('is taken at its word with a proof, without a look at the store', async () => {
    expect(await read(message())).to.deep.equal({ outcome: fromBus(bodyOf()), looked: [] })
  })

  it('is read from the store without one, in one reading of one event', async () => {
    const { outcome, looked } = await unproven({ data: { client_id: 'c', reason: 'a lie' } })
    expect(outcome).to.have.deep.nested.property('event.data', stored.data)
    expect(looked).to.deep.equal(['journey-c@3 1'])
  })

  it('is foreign when another stands there, or none', async () => {
    expect((await unproven({ event_id: 'another' })).outcome).to.equal('event/foreign')
    expect((await unproven({}, { revision: 4 })).outcome).to.equal('event/foreign')
    expect((await unproven({}, { stream: 'journey-unknown' })).outcome).to.equal('event/foreign')
  })

  it('is foreign without a look where no event of ours can stand', async () => {
    for (const where of [
      { stream: '$users' },
      { stream: 'journey-ü' },
      { stream: `journey-${'x'.repeat(10_000)}` },
      { revision: -1 },
    ])
      expect(await unproven({}, where), JSON.stringify(where).slice(0, 40)).to.deep.equal({
        outcome: 'event/foreign',
        looked: [],
      })
  })
})
