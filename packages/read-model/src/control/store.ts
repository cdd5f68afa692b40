import { sql, type Kysely } from 'kysely'
import type { ControlAction } from '@journey/contracts'
import type { Actor } from '@journey/domain'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'
import type { ControlActionRow } from './table.js'

export type NewControlAction = {
  action: ControlAction
  /** All of them when undefined. */
  services: readonly string[] | undefined
  logLevel: string | undefined
  reason: string | undefined
  actor: Actor
}

/** Writes down what is about to be broadcast. */
export const noteControl = (
  db: Kysely<Tables>,
  { action, services, logLevel, reason, actor }: NewControlAction,
): Promise<ControlActionRow> =>
  db
    .insertInto('control_actions')
    .values({
      action,
      services: services ? [...services] : null,
      log_level: logLevel ?? null,
      reason: reason ?? null,
      actor: json(actor),
    })
    .returningAll()
    .executeTakeFirstOrThrow()

/** Takes back what could not be broadcast. */
export const withdrawControl = async (db: Kysely<Tables>, id: number): Promise<void> => {
  await db.deleteFrom('control_actions').where('id', '=', id).execute()
}

/** The latest order to pause or to resume a service; undefined when there was none. */
export const standingOrder = async (
  db: Kysely<Tables>,
  service: string,
): Promise<
  { id: number; action: 'pause' | 'resume'; actor: string; reason: string | null; at: string } | undefined
> => {
  const row = await db
    .selectFrom('control_actions')
    .selectAll()
    .where('action', 'in', ['pause', 'resume'])
    .where(sql<boolean>`(services is null or ${service} = any(services))`)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (!row) return undefined
  const { id, action, actor, reason, at } = row
  return { id, action: action === 'pause' ? 'pause' : 'resume', actor: actor.id, reason, at }
}
