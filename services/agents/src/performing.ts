import { TaskFailure, type IntentHandler, type Task } from '@journey/agent'
import { setTimeout as delay } from 'node:timers/promises'
import { shareOf } from './inputs.js'
import type { Work } from './reference-agent.js'
import { simulationOf } from './simulation.js'

/** How all agents behave unless a journey says otherwise. `failureRate` is the share of attempts that fail, 0 to 1. */
export type Behaviour = { delayMs: number; failureRate: number }

/** Does one intent's work as a real agent would: it takes a while, and it may fail. The same attempt always goes the same way. */
export const performing =
  (work: Work, { delayMs, failureRate }: Behaviour): IntentHandler =>
  async (task, { signal }) => {
    const simulation = simulationOf(task)
    await delay(simulation.delay_ms ?? jittered(delayMs, task), undefined, { signal })
    const { attempt, intent } = task
    if (attempt <= simulation.fail_times)
      throw new TaskFailure(
        simulation.code,
        `${intent} fails ${simulation.fail_times} times, as the journey's parameters ask; this was attempt ${attempt}.`,
        { retryable: simulation.retryable },
      )
    if (attemptShare('failure', task) < failureRate)
      throw new TaskFailure('simulated/failure', `${intent} failed by the failure rate of ${failureRate}.`)
    return work(task)
  }

/** Within a quarter of the delay, so that agents do not answer in step. */
const jittered = (delayMs: number, task: Task): number => Math.round(delayMs * (0.75 + attemptShare('delay', task) / 2))

const attemptShare = (what: string, { idempotency_key, attempt }: Task): number =>
  shareOf(what, idempotency_key, String(attempt))
