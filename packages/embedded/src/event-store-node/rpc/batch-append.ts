import type { ServerDuplexStream } from '@grpc/grpc-js'
import anyMessage from 'google-protobuf/google/protobuf/any_pb.js'
import emptyMessage from 'google-protobuf/google/protobuf/empty_pb.js'
import type { Code } from '@eventstore/db-client/generated/code_pb.js'
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import type { UUID } from '@eventstore/db-client/generated/shared_pb.js'
import { familyOf } from '@journey/runtime'
import type { WriteOutcome } from '../apply-request.js'
import type { Expected } from '../decide-append.js'
import type { ProposedEvent } from '../recorded-event.js'
import type { Writer } from '../writer.js'
import { codes, shared, statusMessages, streams } from './generated.js'
import { identifierOf, isStreamName, nameOf, uuidOf } from './identifiers.js'
import { Outgoing } from './outgoing.js'
import { maxAppendBytes, toProposed } from './proposals.js'

type Call = ServerDuplexStream<BatchAppendReq, BatchAppendResp>

/** An append whose chunks are still coming. */
type Open = {
  readonly correlation: UUID
  readonly stream: string
  readonly expected: Expected
  readonly deadlineMs: number
  readonly events: ProposedEvent[]
  bytes: number
}

/** One call has at most so much under way; then it is not read from, until enough is answered. */
const mostUnanswered = 1_000
const mostUnansweredBytes = 8 << 20

/**
 * Many appends over one call. Each correlation is answered exactly once; chunks of one that is unknown, or answered already, are
 * passed over, because the client dies of a second answer.
 */
export const batchAppend =
  (writer: Writer, fail: (error: unknown) => Error) =>
  (call: Call): void => {
    const open = new Map<string, Open>()
    const out = new Outgoing(call)
    let answers: Uint8Array[] = []
    let unanswered = 0
    let unansweredBytes = 0
    let isClogged = false
    let hasEnded = false
    let isOver = false

    const finish = (): void => {
      if (isOver || !hasEnded || unanswered > 0) return
      flush()
      isOver = true
      call.end()
    }
    const end = (error: unknown): void => {
      if (isOver) return
      flush()
      isOver = true
      call.emit('error', fail(error))
    }
    /** The answers of one group come in one turn of the event loop, and go out together. */
    const answer = (response: BatchAppendResp): void => {
      if (answers.push(response.serializeBinary()) === 1) process.nextTick(flush)
    }
    const flush = (): void => {
      if (!isOver && !out.write(answers)) isClogged = true // the client reads no answers: take no more questions
      answers = []
      pace()
    }
    const pace = (): void => {
      if (isClogged || unanswered >= mostUnanswered || unansweredBytes >= mostUnansweredBytes) call.pause()
      else if (call.isPaused()) call.resume()
    }
    const submit = (append: Open): void => {
      const { correlation, stream, expected, events } = append
      unanswered++
      unansweredBytes += append.bytes
      pace()
      let isAnswered = false
      const once = (response: () => BatchAppendResp): void => {
        if (isAnswered) return
        isAnswered = true
        clearTimeout(timer)
        unanswered--
        unansweredBytes -= append.bytes
        answer(response())
        finish()
      }
      const timer = setTimeout(
        () => once(() => failure(correlation, stream, errors.timeout())),
        Math.max(0, append.deadlineMs - Date.now()),
      )
      writer.submit({ kind: 'append', stream, expected, events }).then(
        (outcome) => once(() => responseTo(append, outcome)),
        (error: unknown) => {
          if (familyOf(error) === 'malformed') {
            once(() => failure(correlation, stream, errors.badRequest()))
            return
          }
          clearTimeout(timer)
          if (!isAnswered) end(error) // the client repeats all that is unanswered
        },
      )
    }
    const receive = (request: BatchAppendReq): void => {
      const correlation = request.getCorrelationId()
      const key = uuidOf(correlation)
      if (!correlation || key === undefined) return
      const options = request.getOptions()
      const known = open.get(key)
      const append = options && !known ? begin(correlation, options) : known
      if (!append) return
      if ('refused' in append) {
        answer(append.refused)
        return
      }
      open.set(key, append)
      try {
        for (const message of request.getProposedMessagesList()) {
          const event = toProposed(message)
          append.bytes += event.data.length
          append.events.push(event)
        }
      } catch {
        open.delete(key)
        answer(failure(correlation, append.stream, errors.badRequest()))
        return
      }
      if (append.bytes > maxAppendBytes) {
        open.delete(key)
        answer(failure(correlation, append.stream, errors.tooBig()))
        return
      }
      if (append.deadlineMs <= Date.now()) {
        open.delete(key)
        answer(failure(correlation, append.stream, errors.timeout()))
        return
      }
      if (!request.getIsFinal()) return
      open.delete(key)
      submit(append)
    }

    call.on('data', receive)
    out.onDrain(() => {
      isClogged = false
      pace()
    })
    call.on('cancelled', () => (isOver = true))
    call.on('error', () => (isOver = true))
    call.on('end', () => {
      hasEnded = true
      finish()
    })
  }

const begin = (correlation: UUID, options: BatchAppendReq.Options): Open | { refused: BatchAppendResp } => {
  const stream = nameOf(options.getStreamIdentifier())
  const expected = expectedOf(options)
  if (!isStreamName(stream) || expected === undefined)
    return { refused: failure(correlation, stream, errors.badRequest()) }
  const deadlineMs = options.getDeadline()?.toDate().getTime() ?? Date.now() + defaultDeadlineMs
  return { correlation, stream, expected, deadlineMs, events: [], bytes: 0 }
}

/** For callers that name no deadline; the client always does. */
const defaultDeadlineMs = 10_000

const expectedOf = (options: BatchAppendReq.Options): Expected | undefined => {
  if (options.hasStreamPosition()) return BigInt(options.getStreamPosition())
  if (options.hasNoStream()) return 'no_stream'
  if (options.hasAny()) return 'any'
  return options.hasStreamExists() ? 'stream_exists' : undefined
}

const responseTo = ({ correlation, stream, expected }: Open, outcome: WriteOutcome): BatchAppendResp => {
  switch (outcome.kind) {
    case 'deleted':
      return failure(correlation, stream, errors.deleted(stream))
    case 'wrong_version':
      return failure(correlation, stream, errors.wrongVersion(expected, outcome.current))
    case 'written': {
      const success = new streams.BatchAppendResp.Success()
      if (outcome.revision < 0n) success.setNoStream(new emptyMessage.Empty())
      else success.setCurrentRevision(String(outcome.revision))
      if (outcome.position === undefined) success.setNoPosition(new emptyMessage.Empty())
      else {
        const position = new shared.AllStreamPosition()
        position.setCommitPosition(String(outcome.position))
        position.setPreparePosition(String(outcome.position))
        success.setPosition(position)
      }
      const response = responseFor(correlation, stream)
      response.setSuccess(success)
      return response
    }
  }
}

const responseFor = (correlation: UUID, stream: string | undefined): BatchAppendResp => {
  const response = new streams.BatchAppendResp()
  response.setCorrelationId(correlation)
  if (stream !== undefined) response.setStreamIdentifier(identifierOf(stream))
  return response
}

/** The client tells failures apart by the type of their detail alone. */
type Failure = { code: Code; message: string; detail: { serializeBinary(): Uint8Array }; type?: string }

const failure = (correlation: UUID, stream: string | undefined, { code, message, detail, type }: Failure) => {
  const packed = new anyMessage.Any()
  packed.pack(detail.serializeBinary(), `event_store.client.${type ?? message}`)
  const status = new statusMessages.Status()
  status.setCode(code)
  status.setMessage(message)
  status.setDetails(packed)
  const response = responseFor(correlation, stream)
  response.setError(status)
  return response
}

const errors = {
  timeout: (): Failure => ({ code: codes.Code.DEADLINE_EXCEEDED, message: 'Timeout', detail: new shared.Timeout() }),
  badRequest: (): Failure => ({
    code: codes.Code.INVALID_ARGUMENT,
    message: 'BadRequest',
    detail: new shared.BadRequest(),
  }),
  tooBig: (): Failure => {
    const detail = new shared.MaximumAppendSizeExceeded()
    detail.setMaxappendsize(maxAppendBytes)
    return { code: codes.Code.INVALID_ARGUMENT, message: 'MaximumAppendSizeExceeded', detail }
  },
  deleted: (stream: string): Failure => {
    const detail = new shared.StreamDeleted()
    detail.setStreamIdentifier(identifierOf(stream))
    return { code: codes.Code.NOT_FOUND, message: 'StreamDeleted', detail }
  },
  wrongVersion: (expected: Expected, current: bigint): Failure => {
    const detail = new shared.WrongExpectedVersion()
    if (current < 0n) detail.setCurrentNoStream(new emptyMessage.Empty())
    else detail.setCurrentStreamRevision(String(current))
    if (expected === 'any') detail.setExpectedAny(new emptyMessage.Empty())
    else if (expected === 'no_stream') detail.setExpectedNoStream(new emptyMessage.Empty())
    else if (expected === 'stream_exists') detail.setExpectedStreamExists(new emptyMessage.Empty())
    else detail.setExpectedStreamPosition(String(expected))
    return { code: codes.Code.ALREADY_EXISTS, message: 'WrongExpectedVersion', detail }
  },
}
