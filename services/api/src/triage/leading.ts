import { lead, type Database } from '@journey/read-model'
import { inTheBackground, type Log, type Part } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'
import { careForDeadLetters } from './care.js'
import { runTriage } from './jobs.js'
import type { Triage } from './triage.js'

const careEveryMs = 3_600_000

/** Does the work of triage that nobody waits for, in one of all instances of the API. */
export const leadingTriage = ({ db, triage, log }: { db: Database['db']; triage: Triage; log: Log }): Part =>
  inTheBackground('triage', (signal) =>
    lead({
      db,
      name: 'triage',
      log,
      signal,
      work: async (leading) => {
        const either = new AbortController()
        const both = AbortSignal.any([leading, either.signal])
        const work = [runTriage({ db, triage, log }, both), caring(db, log, both)]
        try {
          await Promise.race(work)
        } finally {
          either.abort() // one alone makes no leader
          await Promise.allSettled(work)
        }
      },
    }),
  )

const caring = async (db: Database['db'], log: Log, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await careForDeadLetters(db, log)
    await sleep(careEveryMs, undefined, { signal }).catch(() => undefined)
  }
}
