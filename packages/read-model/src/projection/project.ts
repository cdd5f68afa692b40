import { sql, type Kysely, type Transaction } from 'kysely'
import type { Recorded } from '@journey/contracts'
import { json, jsonOrNull } from '../columns.js'
import { sealRows } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'
import { ofFamily } from './families.js'
import { fold, type Existing, type Folded, type Rows, type Step } from './fold.js'

/**
 * Applies events to every table of the read model: the rows they touch are read once, folded in memory and written once.
 * Exactly once is the caller's business (`applyBatch`).
 */
export const project = async (transaction: Transaction<Tables>, events: readonly Recorded[]): Promise<Step[]> =>
  (await projected(transaction, events)).steps

/** The same, and tells the rows that were written too. */
export const projected = async (transaction: Transaction<Tables>, events: readonly Recorded[]): Promise<Folded> => {
  const folded = fold(await existingRows(transaction, events), events)
  await writeRows(transaction, folded.rows)
  return folded
}

const existingRows = async (db: Kysely<Tables>, events: readonly Recorded[]): Promise<Existing> => {
  const clients = new Set<string>()
  const works = new Set<string>()
  const agents = new Set<string>()
  for (const one of events) {
    const { family, recorded } = ofFamily(one)
    if (family === 'journey') clients.add(recorded.event.data.client_id)
    else if (family === 'work') works.add(recorded.event.data.work_id)
    else agents.add(recorded.event.data.agent_id)
  }
  const journeyRows =
    clients.size > 0
      ? await db.selectFrom('journey_states').selectAll().where('client_id', '=', anyOf(clients)).execute()
      : []
  const workRows =
    works.size > 0 ? await db.selectFrom('unit_of_works').selectAll().where('work_id', '=', anyOf(works)).execute() : []
  const agentRows =
    agents.size > 0 ? await db.selectFrom('agents').selectAll().where('agent_id', '=', anyOf(agents)).execute() : []
  return {
    journeys: new Map(journeyRows.map((row) => [row.client_id, row])),
    works: new Map(workRows.map((row) => [row.work_id, row])),
    agents: new Map(agentRows.map((row) => [row.agent_id, row])),
  }
}

/** One parameter for any number of keys, so that the statement's text stays the same. */
const anyOf = (keys: ReadonlySet<string>) => sql<string>`any(${[...keys]}::text[])`

/** Journeys first, since units of work and transitions refer to them. */
export const writeRows = async (db: Kysely<Tables>, rows: Rows): Promise<void> => {
  for (const chunk of inChunks(rows.journey_states)) {
    const some = await sealRows(db, 'journey_states', chunk)
    await db
      .insertInto('journey_states')
      .values(
        some.map((row) => ({
          ...row,
          metadata: json(row.metadata),
          gate: json(row.gate),
          held: jsonOrNull(row.held),
          rollback: jsonOrNull(row.rollback),
          profile: json(row.profile),
        })),
      )
      .onConflict((conflict) => conflict.column('client_id').doUpdateSet(overwrite(some)))
      .execute()
  }
  for (const chunk of inChunks(rows.unit_of_works)) {
    const some = await sealRows(db, 'unit_of_works', chunk)
    await db
      .insertInto('unit_of_works')
      .values(
        some.map((row) => ({
          ...row,
          tasks: json(row.tasks),
          results: jsonOrNull(row.results),
          inputs: json(row.inputs),
          parameters: json(row.parameters),
          criteria: jsonOrNull(row.criteria),
        })),
      )
      .onConflict((conflict) => conflict.column('work_id').doUpdateSet(overwrite(some)))
      .execute()
  }
  for (const chunk of inChunks(rows.stage_transitions)) {
    const some = await sealRows(db, 'stage_transitions', chunk)
    await db
      .insertInto('stage_transitions')
      .values(some.map((row) => ({ ...row, exit_criteria_results: jsonOrNull(row.exit_criteria_results) })))
      .execute()
  }
  for (const chunk of inChunks(rows.exit_criteria_results)) {
    const some = await sealRows(db, 'exit_criteria_results', chunk)
    await db
      .insertInto('exit_criteria_results')
      .values(some.map((row) => ({ ...row, comparisons: json(row.comparisons) })))
      .execute()
  }
  for (const chunk of inChunks(rows.approvals)) {
    const some = await sealRows(db, 'approvals', chunk)
    await db
      .insertInto('approvals')
      .values(some)
      .onConflict((conflict) => conflict.columns(['work_id', 'task_id']).doUpdateSet(overwrite(some)))
      .execute()
  }
  for (const some of inChunks(rows.agents))
    await db
      .insertInto('agents')
      .values(some)
      .onConflict((conflict) => conflict.column('agent_id').doUpdateSet(overwrite(some)))
      .execute()
  for (const chunk of inChunks(rows.journey_events)) {
    const some = await sealRows(db, 'journey_events', chunk)
    await db
      .insertInto('journey_events')
      .values(some.map((row) => ({ ...row, actor: json(row.actor), data: json(row.data) })))
      .execute()
  }
}

/** PostgreSQL takes 65,535 parameters a statement; our widest row has 22. */
const chunkSize = 1_000

function* inChunks<Row>(rows: readonly Row[]): Generator<Row[]> {
  for (let from = 0; from < rows.length; from += chunkSize) yield rows.slice(from, from + chunkSize)
}

/** Every column as the insert would have had it. */
const overwrite = <Row extends object>(rows: readonly Row[]): { [Column in keyof Row]: never } =>
  Object.fromEntries(Object.keys(rows[0]!).map((column) => [column, sql.ref(`excluded.${column}`)])) as {
    [Column in keyof Row]: never
  }
