import { expect } from 'chai'
import fc from 'fast-check'
import { lastRevision, type RecordedEvent } from '../recorded-event.js'
import { encodeDelivery } from './encode.js'
import { streams } from './generated.js'
import { nameOf, uuidOf } from './identifiers.js'

const place = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: 0n, max: lastRevision }),
  fc.constant(lastRevision),
)
const bytes = fc.uint8Array({ maxLength: 400 }).map((values) => Buffer.from(values))
const anyEvent: fc.Arbitrary<RecordedEvent> = fc.record({
  position: place,
  stream: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }),
  revision: place,
  created: fc.bigInt({ min: 0n, max: 10n ** 17n }),
  id: fc.uuid(),
  type: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }),
  isJson: fc.boolean(),
  data: bytes,
  metadata: bytes,
})

/** What the client's own generated code reads in the bytes. */
const decoded = (message: Buffer) => {
  const delivery = streams.ReadResp.deserializeBinary(message).getEvent()
  const recorded = (event: ReturnType<NonNullable<typeof delivery>['getEvent']>): RecordedEvent | undefined =>
    event && {
      position: BigInt(event.getCommitPosition()),
      stream: nameOf(event.getStreamIdentifier()) ?? '',
      revision: BigInt(event.getStreamRevision()),
      created: BigInt(event.getMetadataMap().get('created') ?? 0),
      id: uuidOf(event.getId()) ?? '',
      type: event.getMetadataMap().get('type') ?? '',
      isJson: event.getMetadataMap().get('content-type') === 'application/json',
      data: Buffer.from(event.getData_asU8()),
      metadata: Buffer.from(event.getCustomMetadata_asU8()),
    }
  return {
    event: recorded(delivery?.getEvent()),
    link: recorded(delivery?.getLink()),
    position: BigInt(delivery?.getCommitPosition() ?? 0),
    prepare: delivery?.getEvent()?.getPreparePosition(),
  }
}

describe('an event on the wire', () => {
  it('is read by the client’s generated code as it was stored', () => {
    fc.assert(
      fc.property(anyEvent, fc.constantFrom('string' as const, 'structured' as const), (event, form) => {
        expect(decoded(encodeDelivery({ event, link: undefined }, form))).to.deep.equal({
          event,
          link: undefined,
          position: event.position,
          prepare: String(event.position),
        })
      }),
    )
  })

  it('comes with its link, whose position counts', () => {
    fc.assert(
      fc.property(anyEvent, fc.option(anyEvent, { nil: undefined }), (link, event) => {
        const read = decoded(encodeDelivery({ event, link }, 'string'))
        expect([read.link, read.event, read.position]).to.deep.equal([link, event, link.position])
      }),
    )
  })
})
