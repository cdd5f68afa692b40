import {
  AccessDeniedError,
  CancelledError,
  DeadlineExceededError,
  MaxAppendSizeExceededError,
  NotFoundError,
  StreamDeletedError,
  TimeoutError,
  UnavailableError,
  UnknownError,
  WrongExpectedVersionError,
  type CommandError,
} from '@eventstore/db-client'
import { codeOf, familyOf, Fault, unavailable } from '@journey/runtime'
import { expect } from 'chai'
import { faultOf, isUnknown } from './faults.js'

/** gRPC's own numbers. */
const status = { CANCELLED: 1, INVALID_ARGUMENT: 3, UNIMPLEMENTED: 12, INTERNAL: 13, UNAVAILABLE: 14 }

const ofStatus = (code: number): CommandError => Object.assign(new UnknownError(), { code })
const verdict = (error: unknown): string => {
  const fault = faultOf(error, 'append to journey-1')
  return `${familyOf(fault)} ${codeOf(fault)}`
}

describe('an error of the event store client', () => {
  const wrongVersion = new WrongExpectedVersionError(undefined, {
    streamName: 'journey-1',
    expected: 1n,
    current: 2n,
  })
  const expected: [says: string, error: Error, verdict: string][] = [
    ['a wrong expected revision', wrongVersion, 'conflict stream/moved'],
    ['a tombstoned stream', StreamDeletedError.fromStreamName('journey-1'), 'refused stream/deleted'],
    [
      'an append too large',
      MaxAppendSizeExceededError.fromMaxAppendSize(1_048_576),
      'malformed event-store/append_too_large',
    ],
    ['a user without access', new AccessDeniedError(), 'unavailable event-store/access_denied'],
    ['a server that is away', new UnavailableError(), 'unavailable event-store/away'],
    ['a server that ended the call', new CancelledError(), 'unavailable event-store/away'],
    ['a deadline passed at the server', new DeadlineExceededError(), 'unavailable event-store/away'],
    ['a write that took the server too long', new TimeoutError(), 'unavailable event-store/away'],
    ['an unknown error inside a batch', new UnknownError(), 'unavailable event-store/away'],
    ['a stream reset on the way', ofStatus(status.INTERNAL), 'unavailable event-store/away'],
    ['a call cancelled by us', ofStatus(status.CANCELLED), 'unavailable event-store/away'],
    ['a failed discovery', new Error('Failed to discover after 10 attempts.'), 'unavailable event-store/away'],
    ['a request that is wrong', ofStatus(status.INVALID_ARGUMENT), 'bug internal/bug'],
    ['a call the server does not know', ofStatus(status.UNIMPLEMENTED), 'bug internal/bug'],
    ['something else not found', new NotFoundError(), 'bug internal/bug'],
    ['a mistake in the code', new TypeError('x is undefined'), 'bug internal/bug'],
  ]
  for (const [says, error, means] of expected) {
    it(`means ${means} for ${says}`, () => expect(verdict(error)).to.equal(means))
  }

  it('is kept as the cause, and the message says where it happened', () => {
    const cause = new UnavailableError()
    const fault = faultOf(cause, 'append to journey-1') as Fault
    expect(fault.cause).to.equal(cause)
    expect(fault.message).to.match(/^append to journey-1: /)
  })

  it('is recognised as it comes from gRPC, before the client has given it a type', () => {
    const raw = Object.assign(new Error('14 UNAVAILABLE'), { code: status.UNAVAILABLE, details: 'No connection' })
    expect(verdict(raw)).to.equal('unavailable event-store/away')
  })
})

describe('what is no error of the client', () => {
  it('passes through', () => {
    const fault = unavailable('x/away', 'away')
    const bug = new RangeError('bug')
    expect(faultOf(fault, '')).to.equal(fault)
    expect(faultOf(bug, '')).to.equal(bug)
    expect(faultOf('text', '')).to.equal('text')
  })

  it('is not taken for an unknown answer of the server', () => {
    expect(isUnknown(new UnknownError())).to.equal(true)
    expect(isUnknown(new UnavailableError())).to.equal(false)
    expect(isUnknown(new TypeError())).to.equal(false)
    expect(isUnknown('text')).to.equal(false)
  })
})
