import { messageOf, type Log } from '@journey/runtime'
import { errors, Pool } from 'undici'
import { createCircuitBreaker, type CircuitBreakerOptions, type CircuitState } from '../circuit-breaker.js'
import { judgeAnswer, type Attempt } from './answer.js'
import { signatureHeader, signatureOf } from './signature.js'

/** One thing to tell a receiver. Repeat it with the same `deliveryId` and the same bytes. */
export type Webhook = {
  /** Sent as `x-delivery-id` and `idempotency-key`, by which the receiver knows a repetition. */
  deliveryId: string
  eventId: string
  eventType: string
  /** When the event happened, ISO 8601. */
  occurredAt: string
  /** The replay for which it is told again; sent as `x-replay-id`. */
  replayId?: string | undefined
  body: Uint8Array
}

/** Not sent at all, since the receiver is being spared; no attempt was made. */
export type Held = { outcome: 'held'; retryInMs: number }

export interface WebhookClient {
  /** Sends once. Nothing is kept: repeating is the caller's, from what it stored. Rejects only on a bug. */
  send(webhook: Webhook): Promise<Attempt | Held>
  readonly circuit: CircuitState
  /** Waits for what is under way. */
  stop(): Promise<void>
}

export type WebhookClientOptions = {
  /** http or https, without credentials. */
  url: string
  secret: string
  /** For the whole exchange, connecting included. */
  timeoutMs: number
  /** Without it the receiver is asked however often it fails. */
  breaker?: Pick<CircuitBreakerOptions, 'failures' | 'openMs' | 'probes'>
  log: Log
}

/**
 * Posts signed JSON to one address: HMAC-SHA256 over the raw bytes in `x-webhook-signature`. Redirects are not followed, and
 * connections are not kept: webhooks are rare, and a kept connection that the receiver just closed looks like a failure.
 *
 * For the circuit breaker, no answer and 5xx are failures, and every other answer is a success. A `Retry-After` holds
 * everything back until then, not just the one webhook.
 */
export const createWebhookClient = ({ url, secret, timeoutMs, breaker, log }: WebhookClientOptions): WebhookClient => {
  const { origin, pathname, search } = new URL(url)
  const pool = new Pool(origin, { pipelining: 0, connect: { timeout: timeoutMs } })
  const onChange = (circuit: CircuitState) => log.warn({ circuit }, 'the webhook circuit changed')
  const circuit = breaker && createCircuitBreaker({ ...breaker, probeMs: timeoutMs, onChange })
  let heldUntil = 0

  const post = async ({ deliveryId, eventId, eventType, occurredAt, replayId, body }: Webhook): Promise<Attempt> => {
    try {
      const answer = await pool.request({
        method: 'POST',
        path: pathname + search,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'journey-orchestrator',
          [signatureHeader]: signatureOf(secret, body),
          'x-delivery-id': deliveryId,
          'idempotency-key': deliveryId,
          'x-event-id': eventId,
          'x-event-type': eventType,
          'x-event-timestamp': occurredAt,
          ...(replayId !== undefined && { 'x-replay-id': replayId }),
        },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      })
      const text = await beginningOf(answer.body)
      return judgeAnswer(answer.statusCode, [answer.headers['retry-after']].flat()[0], text, Date.now())
    } catch (error) {
      if (error instanceof errors.InvalidArgumentError) throw error // ours, not the receiver's
      return isTimeout(error)
        ? { outcome: 'failed', code: 'webhook/timeout', message: `no answer within ${timeoutMs} ms` }
        : { outcome: 'failed', code: 'webhook/unreachable', message: textOf(error) }
    }
  }

  return {
    get circuit() {
      return circuit?.state ?? 'closed'
    },
    send: async (webhook) => {
      const heldMs = heldUntil - performance.now()
      if (heldMs > 0) return { outcome: 'held', retryInMs: heldMs }
      const permit = circuit?.admit()
      if (permit && 'retryInMs' in permit) return { outcome: 'held', ...permit }
      const attempt = await post(webhook).catch((bug: unknown) => {
        permit?.failed()
        throw bug
      })
      if (attempt.outcome === 'failed' && attempt.code !== 'webhook/throttled') permit?.failed()
      else permit?.succeeded()
      if (attempt.outcome === 'failed' && attempt.retryAfterMs !== undefined)
        heldUntil = Math.max(heldUntil, performance.now() + attempt.retryAfterMs)
      return attempt
    },
    stop: () => pool.close(),
  }
}

/** What is kept of an answer's text, for whoever reads the delivery's row. */
const mostText = 300

/** The first characters of an answer on one line; what came of it, when it breaks off: the status has said enough. */
const beginningOf = async (body: AsyncIterable<Buffer>): Promise<string> => {
  let read = Buffer.alloc(0)
  try {
    for await (const chunk of body) {
      read = Buffer.concat([read, chunk])
      if (read.length >= mostText) break
    }
  } catch {
    // broke off
  }
  return read
    .subarray(0, mostText)
    .toString('utf8')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
}

const isTimeout = (error: unknown): boolean =>
  (error instanceof Error && error.name === 'TimeoutError') || error instanceof errors.ConnectTimeoutError

/** Node's refused connections to a name with two addresses come with an empty message. */
const textOf = (error: unknown): string => {
  const { code } = error as { code?: string }
  return code === undefined ? messageOf(error) : `${messageOf(error)} (${code})`.trim()
}
