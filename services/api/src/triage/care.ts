import { deadLetterCounts, purgeBegun, purgeDeadLetters, reopenForgotten, type Database } from '@journey/read-model'
import type { Log } from '@journey/runtime'
import { Gauge, type Registry } from 'prom-client'

/** How long closed dead letters are kept (CONTRACT.md); open ones stay. */
export const keptForDays = 7
/** An open one that is older wants a person. */
const overdueAfterDays = 5
/** An hour more than any queue of ours keeps a message. */
const forgottenAfterHours = 25
/** No queue keeps a message that long without delivering it to somebody who runs. */
const begunForDays = 7

/** One turn of keeping house: what is closed for long goes, lost retries are open again, and old open ones are warned about. */
export const careForDeadLetters = async (db: Database['db'], log: Log): Promise<void> => {
  const removed = await purgeDeadLetters(db, keptForDays)
  if (removed > 0) log.info({ removed }, 'dead letters closed long ago removed')
  const reopened = await reopenForgotten(db, forgottenAfterHours, { type: 'system', id: 'api' })
  if (reopened > 0) log.warn({ reopened }, 'retries of which nothing was heard are open again')
  await purgeBegun(db, begunForDays)
  const { overdue } = await deadLetterCounts(db, overdueAfterDays)
  if (overdue > 0)
    log.warn({ overdue, days: overdueAfterDays }, 'dead letters are open for long: journey-cli dlq groups')
}

const states = ['open', 'retrying', 'resolved', 'discarded'] as const
/** Two Prometheus servers that scrape at once cost one look into the tables. */
const countsLastMs = 5_000

/** Dead letters by state, parked streams among the open ones; the API alone tells them. */
export const createDeadLetterGauges = (registry: Registry, db: Database['db'], log: Log): void => {
  let known: { at: number; counts: ReturnType<typeof deadLetterCounts> } | undefined
  const counts = () => {
    if (!known || Date.now() - known.at > countsLastMs)
      known = { at: Date.now(), counts: deadLetterCounts(db, overdueAfterDays) }
    return known.counts
  }
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    set: (gauge: Gauge, now: Awaited<ReturnType<typeof counts>>) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        try {
          set(this, await counts())
        } catch (error) {
          known = undefined
          log.debug({ err: error, metric: name }, 'dead letters could not be counted')
        }
      },
    })
  gauge('journey_dead_letters', 'Dead letters by state, parked streams among the open ones', ['state'], (it, now) => {
    for (const state of states) it.set({ state }, now.byState.get(state) ?? 0)
  })
  gauge('journey_dead_letters_overdue', `Dead letters open for more than ${overdueAfterDays} days`, [], (it, now) =>
    it.set(now.overdue),
  )
}
