import type { Attempt, Held, Webhook } from '@journey/integrations'
import type { DeliveryVerdict, DueDelivery } from '@journey/read-model'
import { codeOf, messageOf, type Log } from '@journey/runtime'
import type { DeliveryMeters } from './meters.js'

/** How often and when a delivery is tried. */
export type Schedule = {
  /** In total. */
  attempts: number
  /** The pause after the first attempt; each later one is five times as long. */
  firstPauseMs: number
}

/** The pause after the n-th attempt, n from 1. */
export const pauseAfter = (n: number, { firstPauseMs }: Schedule): number => firstPauseMs * 5 ** (n - 1)

export type DeliverOptions = {
  channel: string
  send: (webhook: Webhook) => Promise<Attempt | Held>
  schedule: Schedule
  meters: DeliveryMeters
  log: Log
  now: () => Date
}

/**
 * Makes one attempt at a due delivery and says what becomes of it: delivered; failed for good, because the receiver will not
 * have it or the attempts are used up; or again later, when the receiver asks for no sooner. Held back, it stays as it was.
 */
export const createDeliver =
  ({ channel, send, schedule, meters, log, now }: DeliverOptions) =>
  async ({
    delivery_id,
    event_id,
    replay_id,
    event_type,
    payload,
    attempts,
  }: DueDelivery): Promise<DeliveryVerdict> => {
    const at = now()
    const began = performance.now()
    const attempt = await send({
      deliveryId: delivery_id,
      eventId: event_id,
      eventType: event_type,
      occurredAt: payload.timestamp as string,
      replayId: replay_id ?? undefined,
      body: Buffer.from(JSON.stringify(payload)),
    }).catch((bug: unknown): Attempt | Bug => {
      log.error({ err: bug, deliveryId: delivery_id, channel }, 'an attempt to deliver broke')
      return { outcome: 'failed', code: codeOf(bug), message: messageOf(bug) }
    })
    if (attempt.outcome === 'held') return { do: 'leave', forMs: attempt.retryInMs }

    const durationMs = Math.round(performance.now() - began)
    meters.duration.observe({ channel }, durationMs / 1000)
    const { retryAfterMs = 0, ...told } = { retryAfterMs: undefined, ...attempt } // most answers ask for nothing
    const tried = { at: at.toISOString(), duration_ms: durationMs, ...told }
    const n = attempts + 1
    const fields = { deliveryId: delivery_id, eventId: event_id, channel, attempt: n, ...told }
    const count = (outcome: 'delivered' | 'retried' | 'failed') => meters.deliveries.inc({ channel, outcome })

    if (attempt.outcome === 'delivered') {
      count('delivered')
      log.info(fields, 'delivered')
      return { do: 'settle', state: 'delivered', tried }
    }
    if (attempt.outcome === 'rejected' || n >= schedule.attempts) {
      count('failed')
      log.error(fields, 'not delivered, and not tried again')
      return { do: 'settle', state: 'failed', tried }
    }
    const inMs = Math.max(pauseAfter(n, schedule), retryAfterMs)
    count('retried')
    log.warn({ ...fields, inMs }, 'not delivered; tried again')
    return { do: 'retry', inMs, tried }
  }

type Bug = { outcome: 'failed'; code: string; message: string }
