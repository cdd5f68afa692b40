import { sql, type Kysely, type Transaction } from 'kysely'
import type { Actor, Instant } from '@journey/domain'
import { codeOf, conflict, messageOf } from '@journey/runtime'
import { json, jsonOrNull } from '../columns.js'
import type { Tables } from '../tables.js'
import type { ReplayFilter, ReplayMode, ReplayRow, ReplayState } from './table.js'

export type NewReplay = {
  id: string
  consumer: string
  mode: ReplayMode
  from: Instant
  /** Undefined: whatever is stored when it begins. */
  to: Instant | undefined
  filter: ReplayFilter | undefined
  dryRun: boolean
  requestedBy: Actor
}

/**
 * Stores a replay, which begins within a second.
 *
 * @throws conflict `database/duplicate` while another one of the same consumer is running or paused
 */
export const requestReplay = (
  db: Kysely<Tables>,
  { id, consumer, mode, from, to, filter, dryRun, requestedBy }: NewReplay,
): Promise<ReplayRow> =>
  db
    .insertInto('replays')
    .values({
      id,
      consumer,
      mode,
      from_at: from,
      to_at: to,
      filter: jsonOrNull(filter ?? null),
      dry_run: dryRun,
      state: 'running',
      requested_by: json(requestedBy),
    })
    .returningAll()
    .executeTakeFirstOrThrow()

/** The replay of a consumer that is running or paused, if there is one; dry runs are in nobody's way. */
export const replayUnderWay = (db: Kysely<Tables>, consumer: string): Promise<ReplayRow | undefined> =>
  db
    .selectFrom('replays')
    .selectAll()
    .where('consumer', '=', consumer)
    .where('state', 'in', ['running', 'paused'])
    .where('dry_run', '=', false)
    .executeTakeFirst()

export const replayOf = (db: Kysely<Tables>, id: string): Promise<ReplayRow | undefined> =>
  db.selectFrom('replays').selectAll().where('id', '=', id).executeTakeFirst()

export type ReplayListFilter = {
  state?: ReplayState | undefined
  consumer?: string | undefined
  limit: number
  /** Of the last replay of the page before. */
  after?: readonly [createdAt: Instant, id: string] | undefined
}

/** Replays, the latest first. */
export const findReplays = (
  db: Kysely<Tables>,
  { state, consumer, limit, after }: ReplayListFilter,
): Promise<ReplayRow[]> =>
  db
    .selectFrom('replays')
    .selectAll()
    .$if(state !== undefined, (query) => query.where('state', '=', state!))
    .$if(consumer !== undefined, (query) => query.where('consumer', '=', consumer!))
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(created_at, id) < (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()

/** What a person may do with a replay: from which states, to which. */
const moves = {
  pause: { from: ['running', 'paused'], to: 'paused' },
  resume: { from: ['running', 'paused'], to: 'running' },
  cancel: { from: ['running', 'paused', 'cancelled'], to: 'cancelled' },
} as const satisfies Record<string, { from: readonly ReplayState[]; to: ReplayState }>

export type ReplayMove = keyof typeof moves

/** Pauses, resumes or cancels; undefined when its state does not allow that, or there is none. Safe to repeat. */
export const moveReplay = (db: Kysely<Tables>, id: string, move: ReplayMove): Promise<ReplayRow | undefined> =>
  db
    .updateTable('replays')
    .set({ state: moves[move].to, updated_at: sql<Instant>`now()` })
    .where('id', '=', id)
    .where('state', 'in', moves[move].from)
    .returningAll()
    .executeTakeFirst()

/** What the runner has to do with: replays that run, and those that were cancelled and may have left something behind. */
export const replaysToWorkOn = (db: Kysely<Tables>, consumers: ReplayConsumers): Promise<ReplayRow[]> =>
  db
    .selectFrom('replays')
    .selectAll()
    .where((eb) =>
      eb.or([eb('state', '=', 'running'), eb.and([eb('state', '=', 'cancelled'), eb('ended_at', 'is', null)])]),
    )
    .where('consumer', 'only' in consumers ? '=' : '<>', 'only' in consumers ? consumers.only : consumers.except)
    .orderBy('created_at')
    .execute()

/** Whose replays a runner works on. */
export type ReplayConsumers = { only: string } | { except: string }

/** How far a replay is. What is left out stays as it is. */
export type ReplayProgress = { done?: number; total?: number; position?: bigint; until?: bigint }

/** Saves how far it is, and gives the state as it is now: somebody may have paused or cancelled it. */
export const saveReplayProgress = async (
  db: Kysely<Tables>,
  id: string,
  { done, total, position, until }: ReplayProgress,
): Promise<ReplayState | undefined> => {
  const row = await db
    .updateTable('replays')
    .set({
      updated_at: sql<Instant>`now()`,
      ...(done !== undefined && { done }),
      ...(total !== undefined && { total }),
      ...(position !== undefined && { position: position.toString() }),
      ...(until !== undefined && { until_position: until.toString() }),
    })
    .where('id', '=', id)
    .returning('state')
    .executeTakeFirst()
  return row?.state
}

/**
 * Ends a replay in the transaction that holds its effect, so that both happen or neither.
 *
 * @throws conflict `replay/stopped` when it was paused or cancelled meanwhile
 */
export const completeReplay = async (
  transaction: Transaction<Tables>,
  id: string,
  { done, total }: { done: number; total: number },
): Promise<void> => {
  const { numUpdatedRows } = await transaction
    .updateTable('replays')
    .set({ state: 'completed', done, total, updated_at: sql<Instant>`now()`, ended_at: sql<Instant>`now()` })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirst()
  if (numUpdatedRows === 0n)
    throw conflict('replay/stopped', `The replay ${id} was paused or cancelled just before its end`)
}

/** Ends a running replay; one that was paused or cancelled meanwhile stays so. */
export const endReplay = async (db: Kysely<Tables>, id: string, failure?: unknown): Promise<void> => {
  await db
    .updateTable('replays')
    .set({
      state: failure === undefined ? 'completed' : 'failed',
      error: failure === undefined ? null : json({ code: codeOf(failure), message: messageOf(failure) }),
      updated_at: sql<Instant>`now()`,
      ended_at: sql<Instant>`now()`,
    })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .execute()
}

/** Notes that nothing of a cancelled replay is left anywhere. */
export const noteReplayCleaned = async (db: Kysely<Tables>, id: string): Promise<void> => {
  await db
    .updateTable('replays')
    .set({ ended_at: sql<Instant>`now()` })
    .where('id', '=', id)
    .where('state', '=', 'cancelled')
    .execute()
}
