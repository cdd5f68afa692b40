import { sql, type Kysely } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import { json } from '../columns.js'
import { sealRows } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'

/** The stored intent to give one attempt of a task to an agent. */
export type Dispatch = {
  workId: string
  taskId: string
  attempt: number
  clientId: string
  stage: string
  intent: string
  /** The one agent that the template names. */
  targetAgent: string | null
  /** The agent at which the last attempt failed; another one is asked, if there is one. */
  failedAgent: string | null
  token: string
  timeoutMs: number
  input: JsonObject
  correlationId: string
}

/** Stores intents; one that is stored already stays as it is. */
export const storeDispatches = async (db: Kysely<Tables>, dispatches: readonly Dispatch[]): Promise<void> => {
  if (dispatches.length === 0) return
  const rows = await sealRows(
    db,
    'dispatches',
    dispatches.map((one) => ({
      work_id: one.workId,
      task_id: one.taskId,
      attempt: one.attempt,
      client_id: one.clientId,
      stage: one.stage,
      intent: one.intent,
      target_agent: one.targetAgent,
      failed_agent: one.failedAgent,
      token: one.token,
      timeout_ms: one.timeoutMs,
      message: { input: one.input, correlation_id: one.correlationId },
      state: 'waiting' as const,
    })),
  )
  await db
    .insertInto('dispatches')
    .values(rows.map((row) => ({ ...row, message: json(row.message), since: sql<Instant>`now()` })))
    .onConflict((conflict) => conflict.columns(['work_id', 'task_id', 'attempt']).doNothing())
    .execute()
}

const isOneOf = (attempts: readonly Attempt[]) =>
  sql<boolean>`(work_id, task_id, attempt) in (select * from unnest(
    ${attempts.map(({ workId }) => workId)}::text[], ${attempts.map(({ taskId }) => taskId)}::text[],
    ${attempts.map(({ attempt }) => attempt)}::int[]))`

type Attempt = { workId: string; taskId: string; attempt: number }

/** Nothing waits for these attempts any more. */
export const settleDispatches = async (
  db: Kysely<Tables>,
  which: { attempts?: readonly Attempt[]; workIds?: readonly string[] },
): Promise<void> => {
  if (which.attempts?.length)
    await db
      .updateTable('dispatches')
      .set({ state: 'settled', waits_for: null })
      .where(isOneOf(which.attempts))
      .execute()
  if (which.workIds?.length)
    await db
      .updateTable('dispatches')
      .set({ state: 'settled', waits_for: null })
      .where('work_id', 'in', which.workIds)
      .where('state', '<>', 'settled')
      .execute()
}

/** What became of a waiting dispatch: published to an agent's or an intent's queue, or it waits on, for something named. */
export type Dispatched = { publishedTo: string | null; at: Instant; deadline: Instant } | { waitsFor: string }

/** A dispatch that was just published, with the moment until which its result counts. */
export type Published = { dispatch: WaitingDispatch; deadline: Instant }

/** A waiting dispatch with the journey's parameters, which go with every task. */
export type WaitingDispatch = Dispatch & { parameters: JsonObject }

/**
 * Offers the waiting dispatches, the oldest first, to `publish`, and writes down what it answers, in one transaction: one
 * whose publishing is not written down is offered again, under the same message id. Several processes may do it side by side.
 *
 * @returns how many were published
 */
export const dispatchWaiting = async (
  db: Kysely<Tables>,
  limit: number,
  publish: (dispatch: WaitingDispatch) => Promise<Dispatched>,
  published: (transaction: Kysely<Tables>, dispatches: readonly Published[]) => Promise<void>,
): Promise<number> =>
  db.transaction().execute(async (transaction) => {
    const rows = await transaction
      .selectFrom('dispatches')
      .selectAll('dispatches')
      .where('dispatches.state', '=', 'waiting')
      .orderBy('dispatches.since')
      .limit(limit)
      .forUpdate('dispatches')
      .skipLocked()
      .execute()
    const parameters = await parametersOf(
      transaction,
      rows.map(({ work_id }) => work_id),
    )
    const outcomes = await Promise.all(
      rows.map(async (row) => {
        const { input, correlation_id } = row.message
        const dispatch: WaitingDispatch = {
          workId: row.work_id,
          taskId: row.task_id,
          attempt: row.attempt,
          clientId: row.client_id,
          stage: row.stage,
          intent: row.intent,
          targetAgent: row.target_agent,
          failedAgent: row.failed_agent,
          token: row.token,
          timeoutMs: row.timeout_ms,
          input,
          correlationId: correlation_id,
          parameters: parameters.get(row.work_id) ?? {},
        }
        return { row, dispatch, outcome: await publish(dispatch) }
      }),
    )
    const done = outcomes.flatMap(({ dispatch, outcome }) => ('waitsFor' in outcome ? [] : [{ ...outcome, dispatch }]))
    if (done.length > 0) {
      await sql`
        update dispatches
        set state = 'published', waits_for = null, agent_id = done.agent_id, published_at = done.at, deadline = done.deadline
        from unnest(${done.map(({ dispatch }) => dispatch.workId)}::text[], ${done.map(({ dispatch }) => dispatch.taskId)}::text[],
                    ${done.map(({ dispatch }) => dispatch.attempt)}::int[], ${done.map(({ publishedTo }) => publishedTo)}::text[],
                    ${done.map(({ at }) => at)}::timestamptz[], ${done.map(({ deadline }) => deadline)}::timestamptz[])
             as done (work_id, task_id, attempt, agent_id, at, deadline)
        where (dispatches.work_id, dispatches.task_id, dispatches.attempt) = (done.work_id, done.task_id, done.attempt)`.execute(
        transaction,
      )
      await published(transaction, done)
    }
    for (const { row, outcome } of outcomes)
      if ('waitsFor' in outcome && row.waits_for !== outcome.waitsFor)
        await transaction
          .updateTable('dispatches')
          .set({ waits_for: outcome.waitsFor })
          .where('work_id', '=', row.work_id)
          .where('task_id', '=', row.task_id)
          .where('attempt', '=', row.attempt)
          .execute()
    return done.length
  })

/** The parameters of journeys, by the units of work that were admitted with them. */
const parametersOf = async (db: Kysely<Tables>, workIds: readonly string[]): Promise<Map<string, JsonObject>> => {
  if (workIds.length === 0) return new Map()
  const rows = await db.selectFrom('admissions').selectAll().where('work_id', 'in', workIds).execute()
  return new Map(
    rows.map(({ work_id, command }) => [
      work_id,
      (command as { data?: { parameters?: JsonObject } }).data?.parameters ?? {},
    ]),
  )
}

/** How many dispatches wait, by what they wait for. */
export const waitingDispatches = async (db: Kysely<Tables>): Promise<{ waitsFor: string; count: number }[]> => {
  const rows = await db
    .selectFrom('dispatches')
    .select(['waits_for', sql<string>`count(*)`.as('count')])
    .where('state', '=', 'waiting')
    .groupBy('waits_for')
    .execute()
  return rows.map(({ waits_for, count }) => ({ waitsFor: waits_for ?? 'nothing', count: Number(count) }))
}
