import { codeOf, familyOf, messageOf, type Log } from '@journey/runtime'
import type { Expected } from '../decide-append.js'
import { CallFailed, Code } from '../grpc/call-failed.js'
import { StreamDeleted } from '../subscriptions.js'
import { Unreadable } from './wire.js'

export const invalidArgument = (details: string): CallFailed => new CallFailed(Code.INVALID_ARGUMENT, details)

export const streamDeleted = (stream: string): CallFailed =>
  new CallFailed(Code.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  })

export const missingMetadata = (): CallFailed =>
  new CallFailed(Code.INVALID_ARGUMENT, 'Required Metadata Property missing: type and content-type', {
    exception: 'missing-required-metadata-property',
    'required-metadata-properties': 'type,content-type',
  })

export const appendTooBig = (limit: number): CallFailed =>
  new CallFailed(Code.INVALID_ARGUMENT, `Maximum Append Size of ${limit} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(limit),
  })

export const wrongVersionOnRemoval = (stream: string, expected: Expected, current: bigint): CallFailed =>
  new CallFailed(
    Code.FAILED_PRECONDITION,
    `Delete failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${numberOf(expected)}, Actual version: ${current}`,
    {
      exception: 'wrong-expected-version',
      'stream-name': stream,
      'expected-version': String(numberOf(expected)),
      'actual-version': String(current),
    },
  )

export const accessDenied = (): CallFailed =>
  new CallFailed(Code.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' })

/** Credentials were sent, but they are nobody's. The real server, too, says so without a trailer. */
export const unauthenticated = (): CallFailed => new CallFailed(Code.UNAUTHENTICATED, 'Unauthenticated')

export const shuttingDown = (): CallFailed => new CallFailed(Code.CANCELLED, 'Server is shutting down')

const numbers = { no_stream: -1n, any: -2n, stream_exists: -4n } as const
const numberOf = (expected: Expected): bigint => (typeof expected === 'bigint' ? expected : numbers[expected])

/** The client tells errors apart by the trailer `exception`, then by the code. Any error as the end of a call; what is nobody's fault but ours is logged. */
export const callFailed = (error: unknown, log: Log): CallFailed => {
  if (error instanceof CallFailed) return error
  if (error instanceof StreamDeleted) return streamDeleted(error.stream)
  if (error instanceof Unreadable) return new CallFailed(Code.INTERNAL, 'Error deserializing request')
  switch (familyOf(error)) {
    case 'unavailable':
      return new CallFailed(Code.UNAVAILABLE, messageOf(error))
    case 'malformed':
      return invalidArgument(messageOf(error))
    default:
      log.error({ err: error, code: codeOf(error) }, 'a call failed')
      return new CallFailed(Code.UNKNOWN, messageOf(error))
  }
}
