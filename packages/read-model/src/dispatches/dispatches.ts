import { sql, type Kysely } from 'kysely'
import type { Instant, JsonObject } from '@journey/domain'
import { json } from '../columns.js'
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
  await db
    .insertInto('dispatches')
    .values(
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
        message: json({ input: one.input, correlation_id: one.correlationId }),
        since: sql<Instant>`now()`,
        state: 'waiting' as const,
      })),
    )
    .onConflict((conflict) => conflict.columns(['work_id', 'task_id', 'attempt']).doNothing())
    .execute()
}

type Attempt = { workId: string; taskId: string; attempt: number }

/** Nothing waits for these attempts any more. */
export const settleDispatches = async (
  db: Kysely<Tables>,
  which: { attempts?: readonly Attempt[]; workIds?: readonly string[] },
): Promise<void> => {
  for (const { workId, taskId, attempt } of which.attempts ?? [])
    await db
      .updateTable('dispatches')
      .set({ state: 'settled', waits_for: null })
      .where('work_id', '=', workId)
      .where('task_id', '=', taskId)
      .where('attempt', '=', attempt)
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
  published: (transaction: Kysely<Tables>, dispatch: WaitingDispatch, deadline: Instant) => Promise<void>,
): Promise<number> =>
  db.transaction().execute(async (transaction) => {
    const rows = await transaction
      .selectFrom('dispatches')
      .leftJoin('admissions', 'admissions.work_id', 'dispatches.work_id')
      .selectAll('dispatches')
      .select(sql<JsonObject | null>`admissions.command -> 'data' -> 'parameters'`.as('parameters'))
      .where('dispatches.state', '=', 'waiting')
      .orderBy('dispatches.since')
      .limit(limit)
      .forUpdate('dispatches')
      .skipLocked()
      .execute()
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
          parameters: row.parameters ?? {},
        }
        return { row, dispatch, outcome: await publish(dispatch) }
      }),
    )
    let count = 0
    for (const { row, dispatch, outcome } of outcomes) {
      const { work_id, task_id, attempt } = row
      const update = transaction
        .updateTable('dispatches')
        .where('work_id', '=', work_id)
        .where('task_id', '=', task_id)
        .where('attempt', '=', attempt)
      if ('waitsFor' in outcome) {
        if (row.waits_for !== outcome.waitsFor) await update.set({ waits_for: outcome.waitsFor }).execute()
        continue
      }
      count++
      await update
        .set({
          state: 'published',
          waits_for: null,
          agent_id: outcome.publishedTo,
          published_at: outcome.at,
          deadline: outcome.deadline,
        })
        .execute()
      await published(transaction, dispatch, outcome.deadline)
    }
    return count
  })

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
