import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely'
import { derivedTables, type Tables } from '../tables.js'

// A generation: the derived tables once more, in a schema of their own, filled beside the live ones and put in their place.

/** A stream of which the live tables have more than the generation: it has `from` - 1, they have `to`. */
export type Behind = { stream: string; from: number; to: number }

/** Its tables are there. */
export const generationExists = async (db: Kysely<Tables>, schema: string): Promise<boolean> => {
  const { rows } = await sql<{ found: boolean }>`
    select to_regclass(${`"${schema}".journey_states`}) is not null as found`.execute(db)
  return rows[0]?.found === true
}

/** Makes the tables, empty, with everything that hangs on the live ones but what `indexGeneration` adds: keys, settings and grants. */
export const createGeneration = (db: Kysely<Tables>, schema: string): Promise<void> =>
  db.transaction().execute(async (transaction) => {
    const statements = (await Promise.all(derivedTables.map((table) => partsOf(transaction, schema, table)))).flat()
    await sql`create schema ${sql.id(schema)}`.execute(transaction)
    for (const table of derivedTables)
      await sql`create table ${inSchema(schema, table)} (like ${sql.table(table)} including all excluding indexes)`.execute(
        transaction,
      )
    // What the definitions name without a schema is meant to be the generation's own.
    await sql`set local search_path to ${sql.id(schema)}`.execute(transaction)
    for (const { step, statement } of statements.sort((a, b) => a.step - b.step))
      if (step !== searching) await sql.raw(statement).execute(transaction)
  })

/** Makes the indexes that only searching needs, once the tables are full: so they cost less than row by row. Safe to repeat. */
export const indexGeneration = (db: Kysely<Tables>, schema: string): Promise<void> =>
  db.transaction().execute(async (transaction) => {
    await sql`set local statement_timeout = 0`.execute(transaction)
    for (const table of derivedTables)
      for (const { step, statement, index } of await partsOf(transaction, schema, table)) {
        if (step !== searching) continue
        const { rows } = await sql<{ found: boolean }>`
          select to_regclass(${index}) is not null as found`.execute(transaction)
        if (!rows[0]?.found) await sql.raw(statement).execute(transaction)
      }
  })

/** Takes the generation away with all its rows; none there is fine. */
export const dropGeneration = async (db: Kysely<Tables>, schema: string): Promise<void> => {
  await sql`drop schema if exists ${sql.id(schema)} cascade`.execute(db)
}

/** Streams of which the live tables have more, those aside that could not be applied. */
export const streamsBehind = async (
  db: Kysely<Tables>,
  schema: string,
  consumer: string,
  limit: number,
): Promise<Behind[]> => {
  const { rows } = await sql<Behind>`
    select stream, coalesce(built.revision, -1) + 1 as from, live.revision as to
    from projection_gates live left join ${inSchema(schema, 'projection_gates')} built using (consumer, stream)
    where consumer = ${consumer} and live.revision > coalesce(built.revision, -1)
      and not exists (
        select from ${inSchema(schema, 'parked_streams')} parked
        where parked.consumer = live.consumer and parked.stream = live.stream)
    limit ${limit}`.execute(db)
  return rows
}

/**
 * Puts the generation in the place of the live tables, which are dropped, in one transaction. While it lasts, nothing is
 * applied; reads wait only for the last of it. Whatever was applied before is in the generation by then.
 *
 * @param catchUp brings the generation the rest, on connections of its own
 * @param finish told within the transaction; when it throws, nothing has happened
 * @throws unavailable `database/too_slow` when somebody held a table for long; conflict `database/serialization`: try again
 */
export const swapGeneration = (
  db: Kysely<Tables>,
  {
    schema,
    consumer,
    catchUp,
    finish,
  }: {
    schema: string
    consumer: string
    catchUp: (behind: readonly Behind[]) => Promise<void>
    finish: (transaction: Transaction<Tables>) => Promise<void>
  },
): Promise<void> =>
  db.transaction().execute(async (transaction) => {
    const { rows } = await sql<{ live: string }>`select current_schema() as live`.execute(transaction)
    const { live } = rows[0]!
    // Less than `deadlock_timeout` (1 s): should a reader stand across, it is this that gives way, never the reader.
    await sql`set local lock_timeout = '300ms'`.execute(transaction)
    // Everyone who applies takes the gates first, so this stops them, between two transactions; reads go on.
    await sql`lock table projection_gates in exclusive mode`.execute(transaction)
    await catchUp(await streamsBehind(transaction, schema, consumer, mostAtOnce))
    for (const table of ['projection_gates', 'parked_streams'] as const)
      await sql`
        insert into ${inSchema(schema, table)} select * from ${sql.table(table)} where consumer <> ${consumer}
        on conflict do nothing`.execute(transaction)
    const liveTables = derivedTables.map((table) => inSchema(live, table))
    await sql`lock table ${sql.join(liveTables)} in access exclusive mode`.execute(transaction)
    await finish(transaction)
    await sql`drop table ${sql.join(liveTables)}`.execute(transaction)
    for (const table of derivedTables)
      await sql`alter table ${inSchema(schema, table)} set schema ${sql.id(live)}`.execute(transaction)
    await sql`drop schema ${sql.id(schema)}`.execute(transaction)
  })

/** So few streams are behind when it comes to swapping; more in one go would mean that catching up never ends. */
const mostAtOnce = 10_000

/** Lets the planner know what is in the tables, before anyone asks for it. */
export const analyzeGeneration = async (db: Kysely<Tables>, schema: string): Promise<void> => {
  for (const table of derivedTables) await sql`analyze ${inSchema(schema, table)}`.execute(db)
}

const inSchema = (schema: string, table: string): RawBuilder<unknown> => sql.id(schema, table)

/** The step of the indexes that `indexGeneration` makes. */
const searching = 6

type Part = { step: number; statement: string; index: string | null }

/** The statements that give a table of the generation what `like` does not, under the same names: keys, foreign keys, indexes, settings, grants. */
const partsOf = async (db: Kysely<Tables>, schema: string, table: string): Promise<Part[]> => {
  const { rows } = await sql<Part>`
    select case contype when 'f' then 2 else 1 end as step,
      format('alter table %I.%I add constraint %I %s', ${schema}::text, ${table}::text, conname, pg_get_constraintdef(oid)) as statement,
      null as index
    from pg_constraint where conrelid = ${table}::regclass and contype in ('p', 'u', 'x', 'f')
    union all
    select case when indisunique then 3 else ${searching}::int end, regexp_replace(pg_get_indexdef(indexrelid), ' ON (ONLY )?\\S+ USING ', format(' ON %I.%I USING ', ${schema}::text, ${table}::text)),
      format('%I.%I', ${schema}::text, (select relname from pg_class where oid = indexrelid))
    from pg_index where indrelid = ${table}::regclass
      and not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid)
    union all
    select 4, format('alter table %I.%I set (%s)', ${schema}::text, ${table}::text, array_to_string(reloptions, ', ')), null
    from pg_class where oid = ${table}::regclass and reloptions is not null
    union all
    select 5, format('grant %s on %I.%I to %s%s', privilege_type, ${schema}::text, ${table}::text,
      case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
      case when is_grantable then ' with grant option' else '' end), null
    from pg_class, aclexplode(relacl) where pg_class.oid = ${table}::regclass and grantee <> relowner`.execute(db)
  return rows
}
