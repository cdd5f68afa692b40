import grpc from '@grpc/grpc-js'
import { codeOf, familyOf, messageOf, type Log } from '@journey/runtime'
import type { Expected } from '../decide-append.js'
import { StreamDeleted } from '../subscriptions.js'

const { status: Code } = grpc

/** A call's end that is not OK. The client tells errors apart by the trailer `exception`, then by the code. */
export class CallFailed extends Error {
  readonly metadata: grpc.Metadata

  constructor(
    readonly code: grpc.status,
    readonly details: string,
    trailers: Readonly<Record<string, string>> = {},
  ) {
    super(details)
    this.metadata = new grpc.Metadata()
    for (const [name, value] of Object.entries(trailers)) this.metadata.set(name, asciiOnly(value))
  }
}

/** Trailers hold printable ASCII; anything else would end the call without any trailer. The client only shows these names. */
const asciiOnly = (value: string): string => (/^[ -~]*$/.test(value) ? value : encodeURI(value))

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

/** Any error as the end of a call; what is nobody's fault but ours is logged. */
export const callFailed = (error: unknown, log: Log): CallFailed => {
  if (error instanceof CallFailed) return error
  if (error instanceof StreamDeleted) return streamDeleted(error.stream)
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
