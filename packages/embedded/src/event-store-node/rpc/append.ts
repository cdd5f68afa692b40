import type { AppendReq, AppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import type { WriteOutcome } from '../apply-request.js'
import type { Expected } from '../decide-append.js'
import type { Call } from '../grpc/call.js'
import type { ProposedEvent } from '../recorded-event.js'
import type { Writer } from '../writer.js'
import { read, shared, streams } from './generated.js'
import { isStreamName, nameOf } from './identifiers.js'
import { maxAppendBytes, toProposed } from './proposals.js'
import { appendTooBig, invalidArgument, streamDeleted } from './statuses.js'

/** The classic append: options, then one message per event, answered when the client has said everything. */
export const append =
  (writer: Writer) =>
  (call: Call): void => {
    let target: { stream: string; expected: Expected } | undefined
    const events: ProposedEvent[] = []
    let bytes = 0
    call.receive(
      (message) => {
        const request = read(streams.AppendReq, message)
        const options = request.getOptions()
        const proposed = request.getProposedMessage()
        if (options) target = targetOf(options)
        else if (!target) throw invalidArgument('The first message of an append holds its options')
        if (!proposed) return
        const event = toProposed(proposed)
        bytes += event.data.length
        if (bytes > maxAppendBytes) throw appendTooBig(maxAppendBytes)
        events.push(event)
      },
      () => {
        if (!target) throw invalidArgument('An append without options')
        const { stream, expected } = target
        writer.submit({ kind: 'append', stream, expected, events }).then(
          (outcome) => {
            if (outcome.kind === 'deleted') call.fail(streamDeleted(stream))
            else call.end(responseTo(outcome, expected).serializeBinary())
          },
          (error: unknown) => call.fail(error),
        )
      },
    )
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
