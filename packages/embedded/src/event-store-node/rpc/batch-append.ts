import anyMessage from 'google-protobuf/google/protobuf/any_pb.js'
import emptyMessage from 'google-protobuf/google/protobuf/empty_pb.js'
import type { Code } from '@eventstore/db-client/generated/code_pb.js'
import { familyOf } from '@journey/runtime'
import type { WriteOutcome } from '../apply-request.js'
import type { Expected } from '../decide-append.js'
import type { Call } from '../grpc/call.js'
import type { ProposedEvent } from '../recorded-event.js'
import type { Writer } from '../writer.js'
import {
  decodeBatchAppend,
  encodeRefused,
  encodeWritten,
  type BatchAppendOptions,
  type Correlation,
} from './batch-append-messages.js'
import { codes, shared, statusMessages } from './generated.js'
import { identifierOf, isStreamName } from './identifiers.js'
import { maxAppendBytes } from './proposals.js'

/** An append whose chunks are still coming. */
type Open = {
  readonly correlation: Correlation
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
  (writer: Writer) =>
  (call: Call): void => {
    const open = new Map<string, Open>()
    let answers: Uint8Array[] = []
    let unanswered = 0
    let unansweredBytes = 0
    let isClogged = false
    let hasEnded = false

    const finish = (): void => {
      if (!hasEnded || unanswered > 0) return
      flush()
      call.end()
    }
    /** The answers of one group come in one turn of the event loop, and go out together. */
    const answer = (response: Uint8Array): void => {
      if (answers.push(response) === 1) process.nextTick(flush)
    }
    const flush = (): void => {
      if (!call.send(answers)) isClogged = true // the client reads no answers: take no more questions
      answers = []
      pace()
    }
    const pace = (): void => {
      call.setPaused(isClogged || unanswered >= mostUnanswered || unansweredBytes >= mostUnansweredBytes)
    }
    const submit = (append: Open): void => {
      const { correlation, stream, expected, events } = append
      unanswered++
      unansweredBytes += append.bytes
      pace()
      let isAnswered = false
      const once = (response: Uint8Array): void => {
        if (isAnswered) return
        isAnswered = true
        clearTimeout(timer)
        unanswered--
        unansweredBytes -= append.bytes
        answer(response)
        finish()
      }
      const timer = setTimeout(
        () => once(failure(correlation, stream, errors.timeout())),
        Math.max(0, append.deadlineMs - Date.now()),
      )
      writer.submit({ kind: 'append', stream, expected, events }).then(
        (outcome) => once(responseTo(append, outcome)),
        (error: unknown) => {
          if (familyOf(error) === 'malformed') {
            once(failure(correlation, stream, errors.badRequest()))
            return
          }
          clearTimeout(timer)
          if (isAnswered) return
          flush()
          call.fail(error) // the client repeats all that is unanswered
        },
      )
    }
    const receive = (message: Buffer): void => {
      const request = decodeBatchAppend(message)
      if (!request) return
      const { correlation, options, events, isFinal } = request
      const known = open.get(correlation.id)
      const append = options && !known ? begin(correlation, options) : known
      if (!append) return
      const refuse = (error: Failure): void => {
        open.delete(correlation.id)
        answer(failure(correlation, append.stream, error))
      }
      if ('refused' in append) {
        refuse(append.refused)
        return
      }
      if (!events) {
        refuse(errors.badRequest())
        return
      }
      for (const event of events) {
        append.bytes += event.data.length
        append.events.push(event)
      }
      if (append.bytes > maxAppendBytes) refuse(errors.tooBig())
      else if (append.deadlineMs <= Date.now()) refuse(errors.timeout())
      else if (!isFinal) open.set(correlation.id, append)
      else {
        open.delete(correlation.id)
        submit(append)
      }
    }

    call.receive(receive, () => {
      hasEnded = true
      finish()
    })
    call.onDrain(() => {
      isClogged = false
      pace()
    })
  }

const begin = (
  correlation: Correlation,
  { stream, expected, deadlineMs = Date.now() + defaultDeadlineMs }: BatchAppendOptions,
): Open | { stream: string | undefined; refused: Failure } =>
  isStreamName(stream) && expected !== undefined
    ? { correlation, stream, expected, deadlineMs, events: [], bytes: 0 }
    : { stream, refused: errors.badRequest() }

/** For callers that name no deadline; the client always does. */
const defaultDeadlineMs = 10_000

const responseTo = ({ correlation, stream, expected }: Open, outcome: WriteOutcome): Buffer => {
  switch (outcome.kind) {
    case 'deleted':
      return failure(correlation, stream, errors.deleted(stream))
    case 'wrong_version':
      return failure(correlation, stream, errors.wrongVersion(expected, outcome.current))
    case 'written':
      return encodeWritten(correlation, stream, outcome)
  }
}

/** The client tells failures apart by the type of their detail alone. */
type Failure = { code: Code; message: string; detail: { serializeBinary(): Uint8Array }; type?: string }

const failure = (
  correlation: Correlation,
  stream: string | undefined,
  { code, message, detail, type }: Failure,
): Buffer => {
  const packed = new anyMessage.Any()
  packed.pack(detail.serializeBinary(), `event_store.client.${type ?? message}`)
  const status = new statusMessages.Status()
  status.setCode(code)
  status.setMessage(message)
  status.setDetails(packed)
  return encodeRefused(correlation, stream, status.serializeBinary())
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
