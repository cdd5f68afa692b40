import { deadLetterCounts, purgeDeadLetters, reopenForgotten, type Database } from '@journey/read-model'
import type { Log } from '@journey/runtime'
import { Gauge, type Registry } from 'prom-client'

/** How long closed dead letters are kept (CONTRACT.md); open ones stay. */
export const keptForDays = 7
/** An open one that is older wants a person. */
const overdueAfterDays = 5
/** An hour more than any queue of ours keeps a message. */
const forgottenAfterHours = 25

/** One turn of keeping house: what is closed for long goes, lost retries are open again, and old open ones are warned about. */
export const careForDeadLetters = async (db: Database['db'], log: Log): Promise<void> => {
  const removed = await purgeDeadLetters(db, keptForDays)
  if (removed > 0) log.info({ removed }, 'dead letters closed long ago removed')
  const reopened = await reopenForgotten(db, forgottenAfterHours, { type: 'system', id: 'api' })
  if (reopened > 0) log.warn({ reopened }, 'retries of which nothing was heard are open again')
  const { overdue } = await deadLetterCounts(db, overdueAfterDays)
  if (overdue > 0)
    log.warn({ overdue, days: overdueAfterDays }, 'dead letters are open for long: journey-cli dlq groups')
}

const states = ['open', 'retrying', 'resolved', 'discarded'] as const
/** Two Prometheus servers that scrape at once cost one look into the tables. */
const countsLastMs = 5_000

/** Dead letters by state, parked streams among the open ones; the API alone tells them. */
export const createDeadLetterGauges = (registry: Registry, db: Database['db'], log: Log): void => {
  const overdue = new Gauge({
    name: 'journey_dead_letters_overdue',
    help: `Dead letters open for more than ${overdueAfterDays} days`,
    registers: [registry],
  })
  let freshUntil = 0
  new Gauge({
    name: 'journey_dead_letters',
    help: 'Dead letters by state, parked streams among the open ones',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      if (Date.now() < freshUntil) return
      try {
        const counts = await deadLetterCounts(db, overdueAfterDays)
        for (const state of states) this.set({ state }, counts.byState.get(state) ?? 0)
        overdue.set(counts.overdue)
        freshUntil = Date.now() + countsLastMs
      } catch (error) {
        log.debug({ err: error }, 'dead letters could not be counted')
      }
    },
  })
}
