import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js'
import type { AppendReq, AppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import type { WriteOutcome } from '../apply-request.js'
import type { Expected } from '../decide-append.js'
import type { ProposedEvent } from '../recorded-event.js'
import type { Writer } from '../writer.js'
import { shared, streams } from './generated.js'
import { isStreamName, nameOf } from './identifiers.js'
import { maxAppendBytes, toProposed } from './proposals.js'
import { appendTooBig, invalidArgument, streamDeleted } from './statuses.js'

type Call = ServerReadableStream<AppendReq, AppendResp>

/** The classic append: options, then one message per event, answered when the client has said everything. */
export const append =
  (writer: Writer, fail: (error: unknown) => Error) =>
  (call: Call, answer: sendUnaryData<AppendResp>): void => {
    let target: { stream: string; expected: Expected } | undefined
    const events: ProposedEvent[] = []
    let bytes = 0
    let isAnswered = false
    const refuse = (error: unknown): void => {
      if (isAnswered) return
      isAnswered = true
      answer(fail(error))
      call.resume() // what still comes is thrown away
    }
    call.on('data', (request: AppendReq) => {
      if (isAnswered) return
      try {
        const options = request.getOptions()
        const proposed = request.getProposedMessage()
        if (options) target = targetOf(options)
        else if (!target) throw invalidArgument('The first message of an append holds its options')
        if (!proposed) return
        const event = toProposed(proposed)
        bytes += event.data.length
        if (bytes > maxAppendBytes) throw appendTooBig(maxAppendBytes)
        events.push(event)
      } catch (error) {
        refuse(error)
      }
    })
    call.on('error', () => (isAnswered = true))
    call.on('cancelled', () => (isAnswered = true))
    call.on('end', () => {
      if (isAnswered) return
      if (!target) {
        refuse(invalidArgument('An append without options'))
        return
      }
      const { stream, expected } = target
      writer.submit({ kind: 'append', stream, expected, events }).then((outcome) => {
        if (isAnswered) return
        if (outcome.kind === 'deleted') {
          refuse(streamDeleted(stream))
          return
        }
        isAnswered = true
        answer(null, responseTo(outcome, expected))
      }, refuse)
    })
  }

const targetOf = (options: AppendReq.Options): { stream: string; expected: Expected } => {
  const stream = nameOf(options.getStreamIdentifier())
  if (!isStreamName(stream)) throw invalidArgument(`An append needs a stream name; '${stream}' is none`)
  const expected = expectedOf(options)
  if (expected === undefined) throw invalidArgument('An append needs an expected revision')
  return { stream, expected }
}

/** What the options of an append, delete or tombstone expect; undefined when they do not say. */
export const expectedOf = (options: {
  hasRevision(): boolean
  getRevision(): string
  hasNoStream(): boolean
  hasAny(): boolean
  hasStreamExists(): boolean
}): Expected | undefined => {
  if (options.hasRevision()) return BigInt(options.getRevision())
  if (options.hasNoStream()) return 'no_stream'
  if (options.hasAny()) return 'any'
  return options.hasStreamExists() ? 'stream_exists' : undefined
}

const responseTo = (outcome: Exclude<WriteOutcome, { kind: 'deleted' }>, expected: Expected): AppendResp => {
  const response = new streams.AppendResp()
  if (outcome.kind === 'written') {
    const success = new streams.AppendResp.Success()
    if (outcome.revision < 0n) success.setNoStream(new shared.Empty())
    else success.setCurrentRevision(String(outcome.revision))
    if (outcome.position === undefined) success.setNoPosition(new shared.Empty())
    else success.setPosition(positionAt(outcome.position))
    response.setSuccess(success)
    return response
  }
  const wrong = new streams.AppendResp.WrongExpectedVersion()
  if (outcome.current < 0n) wrong.setCurrentNoStream(new shared.Empty())
  else wrong.setCurrentRevision(String(outcome.current))
  if (expected === 'any') wrong.setExpectedAny(new shared.Empty())
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new shared.Empty())
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new shared.Empty())
  else wrong.setExpectedRevision(String(expected))
  response.setWrongExpectedVersion(wrong)
  return response
}

const positionAt = (place: bigint): AppendResp.Position => {
  const position = new streams.AppendResp.Position()
  position.setCommitPosition(String(place))
  position.setPreparePosition(String(place))
  return position
}
