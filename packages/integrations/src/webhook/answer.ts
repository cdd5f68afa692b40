/** How one attempt to deliver ended. Times are in milliseconds. */
export type Attempt =
  /** Any 2xx. */
  | { outcome: 'delivered'; status: number }
  /** Not now; to be repeated under the same id. `retryAfterMs` is what the receiver asked for. */
  | { outcome: 'failed'; code: FailureCode; message: string; status?: number; retryAfterMs?: number }
  /** The receiver will not take it, however often it comes. */
  | { outcome: 'rejected'; code: 'webhook/rejected'; message: string; status: number }

export type FailureCode = 'webhook/unreachable' | 'webhook/timeout' | 'webhook/server_error' | 'webhook/throttled'

/** Answers that ask for a repetition: request timeout, too early, too many requests. */
const askAgain = [408, 425, 429]

/** A receiver that asks for more is asked again after this long all the same. */
const mostRetryAfterMs = 3_600_000

/**
 * Judges the receiver's answer. 5xx, 408, 425 and 429 are worth repeating; every other 4xx, and a redirect, which is not
 * followed since the signed address is the one that was agreed on, says the same however often it is asked.
 *
 * @param nowMs for a `Retry-After` that is a date
 */
export const judgeAnswer = (status: number, retryAfter: string | undefined, text: string, nowMs: number): Attempt => {
  if (status >= 200 && status < 300) return { outcome: 'delivered', status }
  const message = `answered ${status}${text === '' ? '' : `: ${text}`}`
  if (status < 500 && !askAgain.includes(status))
    return { outcome: 'rejected', code: 'webhook/rejected', message, status }
  const retryAfterMs = retryAfter === undefined ? undefined : delayIn(retryAfter, nowMs)
  return {
    outcome: 'failed',
    code: status < 500 ? 'webhook/throttled' : 'webhook/server_error',
    message,
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}

/** `Retry-After` is seconds or an HTTP date (RFC 9110 section 10.2.3); anything else says nothing. */
const delayIn = (retryAfter: string, nowMs: number): number | undefined => {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), mostRetryAfterMs)
}
