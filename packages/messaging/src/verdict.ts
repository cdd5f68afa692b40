import { retrySteps, type RetryStep } from '@journey/contracts'
import { codeOf, familyOf } from '@journey/runtime'

/** Why a message became a dead letter (CONTRACT.md, "Dead letters"). */
export const deadReasons = ['malformed', 'expired', 'unsupported_version', 'attempts_used_up', 'poison'] as const
export type DeadReason = (typeof deadReasons)[number]

/** What becomes of a message whose handler threw. */
export type Verdict =
  | { do: 'acknowledge' }
  | { do: 'try_again'; inMs: number }
  | { do: 'wait_for_server' }
  | { do: 'retry_later'; step: RetryStep }
  | { do: 'dead_letter'; reason: DeadReason }

/** Pauses between the quick tries in the process; a race or a hiccup is over by then. */
const quickTries = [20, 100]

/**
 * Judges one failure by its family (STYLE.md, "Errors"). `unavailable` uses nothing up. What is malformed has the last
 * word of its code as reason where that is one: `command/expired`, `event/unsupported_version`, `message/poison`.
 *
 * @param attempt how many tries were made, this one and those before waiting queues included; from 1
 * @param steps the waiting queues there are, in order
 */
export const verdictFor = (error: unknown, attempt: number, steps: readonly RetryStep[] = retrySteps): Verdict => {
  switch (familyOf(error)) {
    case 'refused':
      return { do: 'acknowledge' }
    case 'malformed':
      return { do: 'dead_letter', reason: reasonIn(codeOf(error)) }
    case 'unavailable':
      return { do: 'wait_for_server' }
    case 'conflict': // the handler has decided again a few times already
    case 'bug': {
      const pause = quickTries[attempt - 1]
      if (pause !== undefined) return { do: 'try_again', inMs: pause }
      const step = steps[attempt - 1 - quickTries.length]
      return step ? { do: 'retry_later', step } : { do: 'dead_letter', reason: 'attempts_used_up' }
    }
  }
}

const reasonIn = (code: string): DeadReason => deadReasons.find((reason) => code.endsWith(`/${reason}`)) ?? 'malformed'
