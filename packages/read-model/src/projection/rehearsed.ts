import type { AnyRecorded } from '@journey/contracts'
import type { Kysely } from 'kysely'
import { applySlices, inAll, type Applied, type Consumer } from '../gates/apply-batch.js'
import { rehearse } from '../rehearsal.js'
import type { Tables } from '../tables.js'
import { readModelConsumer } from './consumer.js'
import type { Rows } from './fold.js'
import { projected } from './project.js'

/** What applying would come to, and how many rows of which tables it would write. */
export type Rehearsed = Applied & { tables: Partial<Record<keyof Rows, number>> }

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
    const rows = new WrittenRows()
    const batch =
      'parked' in what
        ? { events: [], freed: [{ stream: what.parked, by: what.parked }] }
        : { events: what.events, freed: [] }
    const applied = await inAll(applySlices(consumer, batch), (written) => rows.count(written))
    return { ...applied, tables: rows.counts() }
  })

/** Counts rows; one that is written again and again counts once. */
class WrittenRows {
  readonly #added = new Map<keyof Rows, number>()
  readonly #keyed = new Map<keyof Rows, Set<string>>()

  count(written: readonly Rows[]): void {
    for (const rows of written)
      for (const table of Object.keys(rows) as (keyof Rows)[]) {
        const some = rows[table] as readonly object[]
        const key = keys[table]
        if (!key) this.#added.set(table, (this.#added.get(table) ?? 0) + some.length)
        else {
          const seen = this.#keyed.get(table) ?? new Set<string>()
          this.#keyed.set(table, seen)
          for (const row of some) seen.add(JSON.stringify(key.map((name) => row[name as never])))
        }
      }
  }

  counts(): Rehearsed['tables'] {
    const all = [...this.#added, ...[...this.#keyed].map(([table, seen]) => [table, seen.size] as const)]
    return Object.fromEntries(all.filter(([, count]) => count > 0))
  }
}

/** Of the tables whose rows are changed later; all others get a row with each event. */
const keys: Partial<Record<keyof Rows, readonly string[]>> = {
  journey_states: ['client_id'],
  unit_of_works: ['work_id'],
  approvals: ['work_id', 'task_id'],
  agents: ['agent_id'],
}
