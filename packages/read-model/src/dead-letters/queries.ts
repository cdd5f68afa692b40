import { sql, type Expression, type Kysely, type SqlBool } from 'kysely'
import type { Instant } from '@journey/domain'
import type { ParkedStream } from '../gates/table.js'
import { openRows } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'
import { orderedConsumer, parkedId } from './parked.js'
import { normalised } from './signature.js'
import type { DeadLetterAction, DeadLetterRow, DeadLetterState } from './table.js'

/** Which dead letters; each field narrows. */
export type DeadLetterFilter = {
  state?: DeadLetterState | undefined
  queue?: string | undefined
  code?: string | undefined
  type?: string | undefined
  clientId?: string | undefined
  /** Died at this time or later. */
  since?: Instant | undefined
  /** Part of its ids; and of its message or body, where they are not sealed. */
  q?: string | undefined
  /** The signature of a group. */
  group?: string | undefined
}

/** A dead letter in the list: a message, or a stream that the projector put aside. */
export type DeadLetterEntry = {
  id: string
  kind: 'message' | 'stream'
  state: DeadLetterState
  /** The work queue; of a stream the consumer. */
  queue: string
  reason: string
  code: string
  message: string
  type: string | null
  client_id: string | null
  command_id: string | null
  attempts: number
  retries: number
  first_at: Instant
  last_at: Instant
  closed_at: Instant | null
  group: string
}

/** Dead letters of one cause: code, place, and message without ids and numbers. */
export type DeadLetterGroup = {
  group: string
  queue: string
  code: string
  message: string
  count: number
  first_at: Instant
  last_at: Instant
  /** The one that died last. */
  example_id: string
}

type Found = DeadLetterEntry & {
  message_id: string | null
  body: Buffer | null
  normalised: string
  sealed: Buffer | null
}

/** As `normalised` of signature.ts. */
const withoutParticulars = sql<string>`regexp_replace(regexp_replace(message,
  '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '<id>', 'gi'), '\\d+', '<n>', 'g')`

const entries = sql<Found>`(
  select id::text as id, 'message' as kind, state, queue, reason, code, message, type, client_id, command_id,
    attempts, retries, first_at, last_at, closed_at, signature as "group", message_id, coalesce(edited_body, body) as body,
    ${withoutParticulars} as normalised, sealed
  from dead_letters
  union all
  select ${parkedId('')} || stream, 'stream', case when discarded_at is null then 'open' else 'discarded' end, consumer,
    case code when 'projection/poison' then 'poison' else 'parked' end, code, message, null,
    case when stream like 'journey-%' then substr(stream, 9) end, null,
    attempts, 0, parked_at, parked_at, discarded_at, substr(md5(consumer || ' ' || code || ' ' || ${withoutParticulars}), 1, 16),
    null, null, ${withoutParticulars}, null
  from parked_streams where consumer = ${orderedConsumer}
)`

const matching = (filter: DeadLetterFilter): Expression<SqlBool> => {
  const { state, queue, code, type, clientId, since, q, group } = filter
  const conditions = [
    sql<boolean>`true`,
    ...(state === undefined ? [] : [sql<boolean>`state = ${state}`]),
    ...(queue === undefined ? [] : [sql<boolean>`queue = ${queue}`]),
    ...(code === undefined ? [] : [sql<boolean>`code = ${code}`]),
    ...(type === undefined ? [] : [sql<boolean>`type = ${type}`]),
    ...(clientId === undefined ? [] : [sql<boolean>`client_id = ${clientId}`]),
    ...(since === undefined ? [] : [sql<boolean>`last_at >= ${since}::timestamptz`]),
    ...(group === undefined ? [] : [sql<boolean>`"group" = ${group}`]),
    ...(q === undefined
      ? []
      : [
          sql<boolean>`(concat_ws(' ', id, message_id, command_id, client_id, message) ilike ${containing(q)}
            or position(convert_to(${q}, 'UTF8') in body) > 0)`,
        ]),
  ]
  return sql<boolean>`(${sql.join(conditions, sql` and `)})`
}

const containing = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`

/** Dead letters, the one that died last first. */
export const findDeadLetters = async (
  db: Kysely<Tables>,
  filter: DeadLetterFilter & {
    limit: number
    /** Of the last one of the page before. */
    after?: readonly [lastAt: Instant, id: string] | undefined
  },
): Promise<DeadLetterEntry[]> => {
  const rows = await db
    .selectFrom(entries.as('entry'))
    .select([...listed, 'sealed'])
    .where(matching(filter))
    .$if(filter.after !== undefined, (query) =>
      query.where(sql<boolean>`(last_at, id) < (${filter.after?.[0]}::timestamptz, ${filter.after?.[1]}::text)`),
    )
    .orderBy('last_at', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit)
    .execute()
  return openRows<DeadLetterEntry>(db, 'dead_letters', rows)
}

const listed = [
  'id',
  'kind',
  'state',
  'queue',
  'reason',
  'code',
  'message',
  'type',
  'client_id',
  'command_id',
  'attempts',
  'retries',
  'first_at',
  'last_at',
  'closed_at',
  'group',
] as const satisfies (keyof DeadLetterEntry)[]

/** The causes of dead letters, the most frequent first. */
export const deadLetterGroups = async (
  db: Kysely<Tables>,
  filter: DeadLetterFilter & { limit: number },
): Promise<DeadLetterGroup[]> => {
  const groups = await db
    .selectFrom(entries.as('entry'))
    .select([
      'group',
      'queue',
      'code',
      sql<string>`min(normalised)`.as('message'),
      sql<number>`count(*)`.as('count'),
      sql<Instant>`min(first_at)`.as('first_at'),
      sql<Instant>`max(last_at)`.as('last_at'),
      sql<string>`(array_agg(id order by last_at desc, id))[1]`.as('example_id'),
    ])
    .where(matching(filter))
    .groupBy(['group', 'queue', 'code'])
    .orderBy('count', 'desc')
    .orderBy('group')
    .limit(filter.limit)
    .execute()
  const examples = await db
    .selectFrom(entries.as('entry'))
    .select(['id', 'message', 'sealed'])
    .where('sealed', 'is not', null)
    .where('id', '=', sql<string>`any(${groups.map(({ example_id }) => example_id)}::text[])`)
    .execute()
  const messages = new Map((await openRows(db, 'dead_letters', examples)).map(({ id, message }) => [id, message]))
  return groups.map((group) => {
    const message = messages.get(group.example_id)
    return message === undefined ? group : { ...group, message: normalised(message) }
  })
}

/** Everything of a message that died, and what was done with it, in order. */
export const deadLetterOf = async (
  db: Kysely<Tables>,
  id: string,
): Promise<{ row: DeadLetterRow; actions: DeadLetterAction[] } | undefined> => {
  const row = await db.selectFrom('dead_letters').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) return undefined
  const actions = await db
    .selectFrom('dead_letter_actions')
    .selectAll()
    .where('dead_letter_id', '=', id)
    .orderBy('at')
    .execute()
  return { row, actions }
}

/** The same of a parked stream. */
export const parkedStreamOf = async (
  db: Kysely<Tables>,
  stream: string,
): Promise<{ row: ParkedStream; actions: DeadLetterAction[] } | undefined> => {
  const row = await db
    .selectFrom('parked_streams')
    .selectAll()
    .where('consumer', '=', orderedConsumer)
    .where('stream', '=', stream)
    .executeTakeFirst()
  if (!row) return undefined
  const actions = await db
    .selectFrom('dead_letter_actions')
    .selectAll()
    .where('consumer', '=', orderedConsumer)
    .where('stream', '=', stream)
    .orderBy('at')
    .execute()
  return { row, actions }
}

/** The first of the open dead letters that match, in the order in which a job would retry them, and how many there are. */
export const openDeadLetters = async (
  db: Kysely<Tables>,
  filter: DeadLetterFilter,
  limit: number,
): Promise<{ ids: string[]; total: number }> => {
  const { rows } = await sql<{ id: string; total: number }>`
    select id, count(*) over () as total from ${openIds(filter)} frozen order by n limit ${limit}`.execute(db)
  return { ids: rows.map(({ id }) => id), total: rows[0]?.total ?? 0 }
}

/** The ids of dead letters that match now and are open, the one that died first first; for a job's frozen set. */
export const openIds = (filter: DeadLetterFilter) =>
  sql<{ id: string; n: number }>`(
    select id, row_number() over (order by last_at, id)::int as n from ${entries} entry
    where ${matching(filter)} and state = 'open')`

/** A dead letter that keeps a client's journey from going on. */
export type StoppedBy = Pick<DeadLetterRow, 'id' | 'client_id' | 'queue' | 'type' | 'code' | 'message' | 'last_at'>

/** The open ones of these clients that died in one of these queues, or are of one of these types; the oldest first, 500 at most. */
export const openLettersOf = async (
  db: Kysely<Tables>,
  clientIds: readonly string[],
  { queues, types }: { queues: readonly string[]; types: readonly string[] },
): Promise<StoppedBy[]> => {
  const rows = await db
    .selectFrom('dead_letters')
    .select(['id', 'client_id', 'queue', 'type', 'code', 'message', 'last_at', 'sealed'])
    .where('state', '=', 'open')
    .where('client_id', '=', sql<string>`any(${clientIds}::text[])`)
    .where(sql<boolean>`(queue = any(${queues}::text[]) or type = any(${types}::text[]))`)
    .orderBy('last_at')
    .limit(500)
    .execute()
  return rows.map(({ id, client_id, queue, type, code, message, last_at }) => ({
    ...{ id, client_id, queue, type, code, message, last_at },
  }))
}
