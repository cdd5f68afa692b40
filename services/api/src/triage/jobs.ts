import {
  deadLetterJobOf,
  endDeadLetterJob,
  nextDeadLetterJob,
  noteItem,
  unpublishedRetries,
  waitingItems,
  type By,
  type Database,
} from '@journey/read-model'
import { codeOf, messageOf, type Log } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProblemError } from '../problems.js'
import { createPace, type Pace } from './pace.js'
import type { Triage } from './triage.js'

const lookEveryMs = 500
/** Messages of a job leave in portions, so many times a second. */
const portionsPerSecond = 10
const largestPortion = 100
/** How often it is looked whether too many of a job have failed again. */
const judgeEveryMs = 1_000
/** Longer than a publishing takes: whoever stored the retry is not at it any more. */
const forgottenAfterMs = 10_000

/**
 * Does what was asked of dead letters and not done yet, until the signal comes: the jobs, one after the other, and retries that
 * were stored and not published. Everything it goes by stands in the tables, so that whoever leads next goes on where this one was
 * killed: one of a job's set is ticked off in the transaction that stores its retry, and retried once.
 */
export const runTriage = async (
  {
    db,
    triage,
    log,
    forgottenMs = forgottenAfterMs,
  }: {
    db: Database['db']
    triage: Triage
    log: Log
    forgottenMs?: number
  },
  signal: AbortSignal,
): Promise<void> => {
  let judgedAt = -Infinity
  let pacing: { id: string; pace: Pace } | undefined
  while (!signal.aborted) {
    for (const retry of await unpublishedRetries(db, forgottenMs, largestPortion))
      await triage.publish(retry, ours).catch(told(log, retry.id))
    const job = await nextDeadLetterJob(db)
    if (!job) {
      await pause(lookEveryMs, signal)
      continue
    }
    const begun = performance.now()
    if (pacing?.id !== job.id) pacing = { id: job.id, pace: createPace(job.rate) }
    const { pace } = pacing
    if (begun - judgedAt >= judgeEveryMs) {
      judgedAt = begun
      const failed = (await deadLetterJobOf(db, job.id))?.failed ?? 0
      if (failed >= job.stop_after) {
        await endDeadLetterJob(db, job.id, 'stopped')
        log.warn({ job: job.id, failed }, 'a retry of many was stopped: too many failed again')
        continue
      }
    }
    const portion = Math.min(largestPortion, Math.ceil(job.rate / portionsPerSecond))
    const items = await waitingItems(db, job.id, portion)
    if (items.length === 0) {
      await endDeadLetterJob(db, job.id, 'completed')
      log.info({ job: job.id, total: job.total }, 'a retry of many is completed')
      continue
    }
    const by: By = { actor: job.requested_by, reason: job.reason }
    await Promise.all(items.map(({ n, dead_letter_id }) => retryItem({ jobId: job.id, n }, dead_letter_id, by)))
    await pause(pace.next(begun, items.length) - performance.now(), signal)
  }

  async function retryItem(item: { jobId: string; n: number }, id: string, by: By): Promise<void> {
    const tick = (transaction: Database['db'], retry: number | null) =>
      noteItem(transaction, item, { outcome: 'retried', retry })
    try {
      const { state, retry } = await triage.retry(id, by, (transaction, { retry }) => tick(transaction, retry))
      if (retry !== null) return
      if (state === 'resolved') await tick(db, null)
      else await noteItem(db, item, { outcome: 'skipped' })
    } catch (error) {
      // Closed or retried meanwhile, or a task whose time is over: no matter for this job any more.
      if (error instanceof ProblemError) await noteItem(db, item, { outcome: 'skipped' })
      // The retry is stored then, and it could not be published: it is published later, or open again.
      else if (/^(broker|message)\//.test(codeOf(error))) told(log, id)(error)
      else throw error
    }
  }
}

const ours: By = { actor: { type: 'system', id: 'api' }, reason: null }

const told =
  (log: Log, deadLetter: string) =>
  (error: unknown): void =>
    log.warn({ deadLetter, code: codeOf(error), reason: messageOf(error) }, 'a retry could not be published')

const pause = (ms: number, signal: AbortSignal): Promise<unknown> =>
  ms > 0 ? sleep(ms, undefined, { signal }).catch(() => undefined) : Promise.resolve()
