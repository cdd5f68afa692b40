import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely'
import type { AnyRecorded } from '@journey/contracts'
import { outsideAgentId } from '../agents/projection.js'
import { sealRows } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'
import { ofFamily } from './families.js'
import { fold, type Existing, type Folded, type Rows, type Step } from './fold.js'

/**
 * Applies events to every table of the read model: the rows they touch are read once, folded in memory and written once.
 * Exactly once is the caller's business (`applyBatch`).
 */
export const project = async (transaction: Transaction<Tables>, events: readonly AnyRecorded[]): Promise<Step[]> =>
  (await projected(transaction, events)).steps

/** The same, and tells the rows that were written too. */
export const projected = async (transaction: Transaction<Tables>, events: readonly AnyRecorded[]): Promise<Folded> => {
  const folded = fold(await existingRows(transaction, events), events)
  await writeRows(transaction, folded.rows)
  return folded
}

const existingRows = async (db: Kysely<Tables>, events: readonly AnyRecorded[]): Promise<Existing> => {
  const clients = new Set<string>()
  const works = new Set<string>()
  const agents = new Set<string>()
  for (const one of events) {
    const { family, recorded } = ofFamily(one)
    if (family === 'journey') clients.add(recorded.event.data.client_id)
    else if (family === 'work') works.add(recorded.event.data.work_id)
    else if (family === 'agent') agents.add(recorded.event.data.agent_id)
    else {
      const agentId = outsideAgentId(recorded.event)
      if (agentId !== undefined) agents.add(agentId)
    }
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
  await write(db, 'journey_states', await sealRows(db, 'journey_states', rows.journey_states), ['client_id'])
  await write(db, 'unit_of_works', await sealRows(db, 'unit_of_works', rows.unit_of_works), ['work_id'])
  await write(db, 'stage_transitions', await sealRows(db, 'stage_transitions', rows.stage_transitions))
  await write(db, 'exit_criteria_results', await sealRows(db, 'exit_criteria_results', rows.exit_criteria_results))
  await write(db, 'approvals', await sealRows(db, 'approvals', rows.approvals), ['work_id', 'task_id'])
  // What others tell of an agent comes by another stream, so at the same time: it never takes the place of what it says itself, and
  // nobody waits for one another.
  const agents = [...rows.agents].sort((a, b) => (a.agent_id < b.agent_id ? -1 : 1))
  await write(db, 'agents', agents, ['agent_id'], sql`excluded.registered or not agents.registered`)
  await write(db, 'journey_events', await sealRows(db, 'journey_events', rows.journey_events))
  await write(db, 'received_events', await sealRows(db, 'received_events', rows.received_events))
  await write(db, 'knowledge_shares', await sealRows(db, 'knowledge_shares', rows.knowledge_shares))
  await write(db, 'patterns', await sealRows(db, 'patterns', rows.patterns))
  await write(db, 'notifications', await sealRows(db, 'notifications', rows.notifications))
}

/** So many rows go in one statement: its one parameter stays far below what PostgreSQL takes for a value. */
const chunkSize = 1_000

/**
 * Inserts rows; with a key, one that is there already is overwritten where it may be. They go as one parameter, so that the statement's text stays the
 * same however many they are. Every row has the columns of the first.
 */
const write = async (
  db: Kysely<Tables>,
  table: keyof Rows,
  rows: readonly object[],
  key?: readonly string[],
  mayOverwrite: RawBuilder<unknown> = sql`true`,
): Promise<void> => {
  if (rows.length === 0) return
  const columns = Object.keys(rows[0]!)
  const names = sql.join(columns.map((column) => sql.ref(column)))
  const others = columns.filter((column) => !key?.includes(column))
  const conflict = key
    ? sql`on conflict (${sql.join(key.map((column) => sql.ref(column)))}) do update
          set ${sql.join(others.map((column) => sql`${sql.ref(column)} = ${sql.ref(`excluded.${column}`)}`))}
          where ${mayOverwrite}`
    : sql``
  for (let from = 0; from < rows.length; from += chunkSize) {
    const some = JSON.stringify(rows.slice(from, from + chunkSize).map(asJson))
    await sql`
      insert into ${sql.table(table)} (${names})
      select ${names} from json_populate_recordset(null::${sql.table(table)}, ${some}) ${conflict}`.execute(db)
  }
}

/** Bytes as PostgreSQL reads them from text; everything else is JSON already. */
const asJson = (row: object): object =>
  'sealed' in row && Buffer.isBuffer(row.sealed) ? { ...row, sealed: `\\x${row.sealed.toString('hex')}` } : row
