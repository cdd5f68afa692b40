import type { AnyRecorded } from '@journey/contracts'
import type { Kysely } from 'kysely'
import { applyBatch, retryParked, type Applied, type Consumer } from '../gates/apply-batch.js'
import { rehearse } from '../rehearsal.js'
import type { Tables } from '../tables.js'
import { readModelConsumer } from './consumer.js'
import type { Rows } from './fold.js'
import { projected } from './project.js'

/** What applying would come to, and how many rows of which tables it would write. */
export type Rehearsed = Omit<Applied<never>, 'results'> & { tables: Partial<Record<keyof Rows, number>> }

type Store = Parameters<typeof readModelConsumer>[1]

/** Applies events as the projector does, or tries a parked stream again, and takes all of it back. @throws as `applyBatch` */
export const rehearseApplying = (
  db: Kysely<Tables>,
  store: Store,
  what: { events: readonly AnyRecorded[] } | { parked: string },
): Promise<Rehearsed> =>
  rehearse(db, async (transaction) => {
    const consumer: Consumer<Rows> = {
      ...readModelConsumer(transaction, store),
      project: async (inner, events) => [(await projected(inner, events)).rows],
    }
    const { results, ...applied } =
      'parked' in what ? await retryParked(consumer, what.parked) : await applyBatch(consumer, what.events)
    return { ...applied, tables: countsOf(results) }
  })

/** Rows that are written again and again, an event at a time, count once. */
const countsOf = (written: readonly Rows[]): Rehearsed['tables'] => {
  const counts: Rehearsed['tables'] = {}
  const tables = new Set(written.flatMap((rows) => Object.keys(rows) as (keyof Rows)[]))
  for (const table of tables) {
    const rows = written.flatMap((one) => one[table] as readonly object[])
    const key = keys[table]
    const count = key
      ? new Set(rows.map((row) => JSON.stringify(key.map((name) => row[name as never])))).size
      : rows.length
    if (count > 0) counts[table] = count
  }
  return counts
}

/** Of the tables whose rows are changed later; all others get a row with each event. */
const keys: Partial<Record<keyof Rows, readonly string[]>> = {
  journey_states: ['client_id'],
  unit_of_works: ['work_id'],
  approvals: ['work_id', 'task_id'],
  agents: ['agent_id'],
}
