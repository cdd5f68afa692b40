import { canonicalJson, type AnyRecorded } from '@journey/contracts'
import type { Kysely } from 'kysely'
import { foldAll, type Rows } from '../projection/fold.js'
import type { Tables } from '../tables.js'

/** The rows of each projected table as sorted canonical JSON, one text a row: equal tables are deeply equal. */
export type ComparableRows = Record<keyof Rows, string[]>

const tables = [
  'journey_states',
  'unit_of_works',
  'stage_transitions',
  'exit_criteria_results',
  'approvals',
  'agents',
  'journey_events',
  'received_events',
  'knowledge_shares',
  'patterns',
  'notifications',
] as const satisfies (keyof Rows)[]

/** The rows that the read model must have once it has applied whole streams; events in the order of the log. */
export const expectedRows = (events: readonly AnyRecorded[]): ComparableRows => comparable(foldAll(events))

/** The rows that the read model has. */
export const actualRows = async (db: Kysely<Tables>): Promise<ComparableRows> => {
  const rows: Partial<Record<keyof Rows, object[]>> = {}
  for (const table of tables) rows[table] = await db.selectFrom(table).selectAll().execute()
  return comparable(rows as Record<keyof Rows, object[]>)
}

const comparable = (rows: Record<keyof Rows, readonly object[]>): ComparableRows =>
  Object.fromEntries(tables.map((table) => [table, rows[table].map(canonicalJson).sort()])) as ComparableRows
