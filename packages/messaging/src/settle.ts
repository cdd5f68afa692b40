import { retrySteps, type RetryStep } from '@journey/contracts'
import { codeOf, malformed, messageOf } from '@journey/runtime'
import type { Breaker } from './breaker.js'
import { RejectDelivery } from './consumer.js'
import { deadLetter, failuresBefore, retryLater } from './dead-letter.js'
import type { Message } from './message.js'
import type { BusMeters } from './meters.js'
import type { Handler, Middleware } from './pipeline.js'
import type { Publisher } from './publisher.js'
import { verdictFor, type Verdict } from './verdict.js'
import { sleep } from './waiting.js'

export type SettleOptions = {
  publisher: Publisher
  /** One per consumer: pauses it while a server its handler needs is away. */
  breaker: Breaker
  /** Written into dead letters. */
  service: string
  /** The waiting queues the table gives this queue; none where `withDeadLetters` made it. */
  steps?: readonly RetryStep[]
  meters?: BusMeters
  /** Told of each refusal and each dead letter, after the fact is safe; for telling the sender. Its failure is only logged. */
  settled?: (message: Message, error: unknown, verdict: Verdict) => Promise<void>
}

/**
 * Decides a message's fate by the family of what its handler threw, and logs it, once: see `verdictFor`. When it resolves,
 * the message may be acknowledged: what had to be published is confirmed.
 *
 * @throws RejectDelivery when the message must go to the queue's own dead-letter exchange
 * @throws the signal's reason when it is aborted while waiting: the broker delivers the message again
 */
export const settle = (options: SettleOptions): Middleware => {
  const { publisher, breaker, service, steps = retrySteps, meters, settled } = options
  return (next) => async (message) => {
    const before = failuresBefore(message.properties)
    const handle = unlessExpired(next, message, before.attempts > 0)
    let firstAt = before.firstAt
    for (let attempt = before.attempts + 1; ; attempt++) {
      try {
        await breaker.run(handle, message.signal)
        message.fate ??= 'handled'
        return
      } catch (error) {
        if (error instanceof RejectDelivery) throw error
        message.signal.throwIfAborted()
        const lastAt = new Date()
        firstAt ??= message.deaths?.firstAt ?? lastAt
        const verdict = verdictFor(error, attempt, steps)
        if (verdict.do === 'try_again') {
          await sleep(verdict.inMs, message.signal)
          message.signal.throwIfAborted()
          continue
        }
        const failure = { error, attempts: attemptsOf(message, attempt, verdict), firstAt, lastAt }
        await breaker.run(() => carryOut(message, verdict, failure), message.signal)
        await settled?.(message, error, verdict).catch((trouble: unknown) =>
          message.log.error({ err: trouble }, 'the end of a message could not be told'),
        )
        return
      }
    }
  }

  /** Its own publishing may fail as `unavailable` too; then the breaker tries it again like any work. */
  async function carryOut(
    message: Message,
    verdict: Exclude<Verdict, { do: 'try_again' }>,
    { error, attempts, firstAt, lastAt }: { error: unknown; attempts: number; firstAt: Date; lastAt: Date },
  ): Promise<void> {
    const code = codeOf(error)
    switch (verdict.do) {
      case 'acknowledge':
        message.log.info({ code, reason: messageOf(error) }, 'refused')
        message.fate = 'refused'
        return
      case 'retry_later':
        await retryLater(publisher, message, verdict.step, { attempts, firstAt })
        message.log.warn({ err: error, code, attempts, delay: verdict.step.label }, 'tried again later')
        message.fate = 'retried_later'
        meters?.retries.inc({ queue: message.queue, delay: verdict.step.label })
        return
      case 'dead_letter':
        await rejectedIfItMust(message, () =>
          deadLetter(publisher, message, {
            reason: verdict.reason,
            code,
            message: messageOf(error),
            service,
            attempts,
            firstAt,
            lastAt,
          }),
        )
        message.log.error({ err: error, code, attempts, reason: verdict.reason }, 'dead-lettered')
        message.fate = 'dead_lettered'
        return
      case 'wait_for_server':
        throw error // the breaker has waited for it already: it only ends a run with other families
    }
  }
}

/** Deaths are tries; what is poison was not tried once more. */
const attemptsOf = ({ deaths }: Message, attempt: number, verdict: Verdict): number => {
  const isPoison = verdict.do === 'dead_letter' && verdict.reason === 'poison'
  return attempt + (deaths?.times ?? 0) - (isPoison ? 1 : 0)
}

const rejectedIfItMust = async (message: Message, publish: () => Promise<void>): Promise<void> => {
  try {
    await publish()
  } catch (error) {
    if (error instanceof RejectDelivery) {
      message.log.error({ err: error }, 'dead-lettered as it is: its headers fit no frame any more')
      message.fate = 'dead_lettered'
    }
    throw error
  }
}

/**
 * A message whose time to live ran out while it waited in our hands, for a server to come back, has expired like one in its
 * queue. One that was begun before is not judged by that any more: it may have had its effect.
 */
const unlessExpired = (next: Handler, message: Message, wasTried: boolean): (() => Promise<void>) => {
  const { expiration } = message.properties
  const endsAt = expiration === undefined ? Infinity : message.receivedAt + Number(expiration)
  let begun = wasTried || message.redelivered
  return () => {
    if (!begun && performance.now() > endsAt)
      return Promise.reject(malformed('message/expired', 'Its time to live ran out before it was begun.'))
    begun = true
    return next(message)
  }
}
