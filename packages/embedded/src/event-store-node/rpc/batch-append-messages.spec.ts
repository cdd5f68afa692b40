import timestampMessage from 'google-protobuf/google/protobuf/timestamp_pb.js'
import emptyMessage from 'google-protobuf/google/protobuf/empty_pb.js'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Expected } from '../decide-append.js'
import { lastRevision, type ProposedEvent } from '../recorded-event.js'
import { decodeBatchAppend, encodeRefused, encodeWritten, type BatchAppendRequest } from './batch-append-messages.js'
import { shared, statusMessages, streams } from './generated.js'
import { identifierOf, nameOf, toUuid, uuidOf } from './identifiers.js'
import { Unreadable } from './wire.js'

const uuid = fc.uuid().filter((id) => !/^[0-]+$/.test(id))
const bytes = fc.uint8Array({ maxLength: 300 }).map((values) => Buffer.from(values))
const name = fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }).filter((text) => !text.includes('\0'))
const place = fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: lastRevision }))
const expectation: fc.Arbitrary<Expected> = fc.oneof(fc.constantFrom('any', 'no_stream', 'stream_exists'), place)
const event: fc.Arbitrary<ProposedEvent> = fc.record({
  id: uuid,
  type: name,
  isJson: fc.boolean(),
  data: bytes,
  metadata: bytes,
})
const time = fc.integer({ min: 0, max: 4e12 })

/** As the client's own generated code writes it. */
const written = (of: {
  correlation: string
  options: { stream: string; expected: Expected; deadlineMs: number } | undefined
  events: readonly ProposedEvent[]
  isFinal: boolean
  form: 'text' | 'structured'
}): Buffer => {
  const request = new streams.BatchAppendReq()
  const toId = of.form === 'text' ? toUuid : structured
  request.setCorrelationId(toId(of.correlation))
  if (of.options) {
    const { stream, expected, deadlineMs } = of.options
    const options = new streams.BatchAppendReq.Options()
    options.setStreamIdentifier(identifierOf(stream))
    if (expected === 'any') options.setAny(new emptyMessage.Empty())
    else if (expected === 'no_stream') options.setNoStream(new emptyMessage.Empty())
    else if (expected === 'stream_exists') options.setStreamExists(new emptyMessage.Empty())
    else options.setStreamPosition(String(expected))
    options.setDeadline(timestampMessage.Timestamp.fromDate(new Date(deadlineMs)))
    request.setOptions(options)
  }
  for (const { id, type, isJson, data, metadata } of of.events) {
    const message = new streams.BatchAppendReq.ProposedMessage()
    message.setId(toId(id))
    message.getMetadataMap().set('type', type)
    message.getMetadataMap().set('content-type', isJson ? 'application/json' : 'application/octet-stream')
    message.setData(data)
    message.setCustomMetadata(metadata)
    request.addProposedMessages(message)
  }
  request.setIsFinal(of.isFinal)
  return Buffer.from(request.serializeBinary())
}

const structured = (id: string) => {
  const hex = id.replaceAll('-', '')
  const halves = new shared.UUID.Structured()
  halves.setMostSignificantBits(String(BigInt.asIntN(64, BigInt(`0x${hex.slice(0, 16)}`))))
  halves.setLeastSignificantBits(String(BigInt.asIntN(64, BigInt(`0x${hex.slice(16)}`))))
  const message = new shared.UUID()
  message.setStructured(halves)
  return message
}

const request = fc.record({
  correlation: uuid,
  options: fc.option(fc.record({ stream: name, expected: expectation, deadlineMs: time }), { nil: undefined }),
  events: fc.array(event, { maxLength: 4 }),
  isFinal: fc.boolean(),
  form: fc.constantFrom('text' as const, 'structured' as const),
})

describe('a message of a batch append', () => {
  it('is read as the client’s generated code wrote it', () => {
    fc.assert(
      fc.property(request, (sent) => {
        const read = decodeBatchAppend(written(sent))
        const { options, events, isFinal } = sent
        const said: Omit<BatchAppendRequest, 'correlation'> = { options, events, isFinal }
        expect(read).to.deep.equal({ ...said, correlation: { id: sent.correlation, bytes: read?.correlation.bytes } })
        expect(uuidOf(shared.UUID.deserializeBinary(read?.correlation.bytes ?? Buffer.alloc(0)))).to.equal(
          sent.correlation,
        )
      }),
    )
  })

  it('is nobody’s without a readable correlation', () => {
    for (const correlation of ['', 'x', '00000000-0000-0000-0000-000000000000'])
      expect(
        decodeBatchAppend(written({ correlation, options: undefined, events: [], isFinal: true, form: 'text' })),
      ).to.equal(undefined)
  })

  it('has no events when one of them has no type, or its id is nil', () => {
    const correlation = '0ff27e2e-4bcf-4e4f-8b9a-1a3f3b6d3c11'
    const good = { id: correlation, type: 't', isJson: true, data: Buffer.alloc(0), metadata: Buffer.alloc(0) }
    const eventsOf = (bad: ProposedEvent) =>
      decodeBatchAppend(written({ correlation, options: undefined, events: [good, bad], isFinal: true, form: 'text' }))
        ?.events
    expect(eventsOf(good)).to.deep.equal([good, good])
    expect(eventsOf({ ...good, type: '' })).to.equal(undefined)
    expect(eventsOf({ ...good, id: '00000000-0000-0000-0000-000000000000' })).to.equal(undefined)
  })

  it('is read or refused, whatever its bytes are', () => {
    fc.assert(
      fc.property(request, fc.nat(400), fc.nat(255), fc.nat(400), (sent, at, byte, length) => {
        const message = written(sent)
        message[at % message.length] = byte
        try {
          decodeBatchAppend(message.subarray(0, length))
        } catch (error) {
          expect(error).to.be.instanceOf(Unreadable)
        }
      }),
    )
    fc.assert(
      fc.property(bytes, (noise) => {
        try {
          decodeBatchAppend(noise)
        } catch (error) {
          expect(error).to.be.instanceOf(Unreadable)
        }
      }),
    )
  })
})

describe('the answer to a batch append', () => {
  const correlationOf = (id: string) => ({ id, bytes: Buffer.from(toUuid(id).serializeBinary()) })

  it('is read by the client’s generated code', () => {
    const revision = fc.oneof(place, fc.constant(-1n))
    fc.assert(
      fc.property(uuid, name, revision, fc.option(place, { nil: undefined }), (id, stream, last, position) => {
        const answer = streams.BatchAppendResp.deserializeBinary(
          encodeWritten(correlationOf(id), stream, { kind: 'written', revision: last, position }),
        )
        const success = answer.getSuccess()
        const at = success?.getPosition()
        expect({
          id: uuidOf(answer.getCorrelationId()),
          stream: nameOf(answer.getStreamIdentifier()),
          revision: success?.hasNoStream() ? -1n : BigInt(success?.getCurrentRevision() ?? -2),
          position: success?.hasNoPosition() ? undefined : [at?.getCommitPosition(), at?.getPreparePosition()],
        }).to.deep.equal({
          id,
          stream,
          revision: last,
          position: position === undefined ? undefined : [String(position), String(position)],
        })
      }),
    )
  })

  it('names the stream and the reason when it is a refusal', () => {
    const status = new statusMessages.Status()
    status.setMessage('Timeout')
    const id = '0ff27e2e-4bcf-4e4f-8b9a-1a3f3b6d3c11'
    const answer = streams.BatchAppendResp.deserializeBinary(
      encodeRefused(correlationOf(id), 'order-1', status.serializeBinary()),
    )
    expect([
      uuidOf(answer.getCorrelationId()),
      nameOf(answer.getStreamIdentifier()),
      answer.getError()?.getMessage(),
    ]).to.deep.equal([id, 'order-1', 'Timeout'])
  })
})
