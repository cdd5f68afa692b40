import { convertToCommandError, ErrorType, isCommandError } from '@eventstore/db-client'
import { Fault, type Family } from '@journey/runtime'

type Row = { family: Exclude<Family, 'bug'>; code: string; advice: string }

const away: Row = {
  family: 'unavailable',
  code: 'event-store/away',
  advice: 'the event store gave no answer; the outcome is unknown, repeat with the same event ids once it is back',
}

/** What each error of @eventstore/db-client means to us; a type that is not listed is a bug and passes through as it is. */
const rows: Partial<Record<ErrorType, Row>> = {
  [ErrorType.WRONG_EXPECTED_VERSION]: {
    family: 'conflict',
    code: 'stream/moved',
    advice: 'someone else wrote to the stream first; decide again on its fresh state',
  },
  [ErrorType.STREAM_DELETED]: {
    family: 'refused',
    code: 'stream/deleted',
    advice: 'the stream was deleted for good (tombstoned) and its name can never be used again',
  },
  [ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED]: {
    family: 'malformed',
    code: 'event-store/append_too_large',
    advice: 'the events of one append are larger than the event store takes (1 MiB by default); store less in them',
  },
  [ErrorType.ACCESS_DENIED]: {
    family: 'unavailable',
    code: 'event-store/access_denied',
    advice: 'the event store refused our user; check the credentials in the event store URL and the ACL of the stream',
  },
  [ErrorType.UNAVAILABLE]: away,
  [ErrorType.CANCELLED]: away,
  [ErrorType.DEADLINE_EXCEEDED]: away,
  [ErrorType.TIMEOUT]: away,
  [ErrorType.NOT_LEADER]: away,
}

/**
 * gRPC statuses that the client has no type for (it says `unknown`) and that tell of the way to the server, not of the
 * request: CANCELLED by our own disposal, UNKNOWN, RESOURCE_EXHAUSTED, INTERNAL (a stream reset), DATA_LOSS. An error
 * inside a batch carries no status at all.
 */
const transportStatuses: readonly (number | string | undefined)[] = [1, 2, 8, 13, 15, undefined]

/**
 * What an error of the client is to us: a `Fault` with the error as its cause, or, for a bug, the error itself.
 *
 * @param where what was being done, for the message: `append to journey-7`
 */
export const faultOf = (error: unknown, where: string): unknown => {
  if (error instanceof Fault || !(error instanceof Error)) return error
  const row = rowOf(convertToCommandError(error))
  return row ? new Fault(row.family, row.code, `${where}: ${row.advice}`, { cause: error }) : error
}

/** The Fault for a server that said nothing within the limit. */
export const silentFor = (limitMs: number, where: string): Fault =>
  new Fault(away.family, away.code, `${where}: no answer within ${limitMs} ms; ${away.advice}`)

/** The Fault for calls that were under way when their connection was given up or stopped. */
export const lost = (where: string, cause?: unknown): Fault =>
  new Fault(away.family, away.code, `${where}: ${away.advice}`, { cause })

/** The client has no type for the error, which it may then remember as the server's answer for as long as it lives. */
export const isUnknown = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const known = convertToCommandError(error)
  return isCommandError(known) && known.type === ErrorType.UNKNOWN
}

const rowOf = (error: Error): Row | undefined => {
  if (!isCommandError(error)) return error.constructor === Error ? away : undefined // a failed cluster discovery
  if (error.type === ErrorType.UNKNOWN) return transportStatuses.includes(error.code) ? away : undefined
  return rows[error.type]
}
