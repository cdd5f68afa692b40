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

type Order = {
  service: string
  id: number
  action: 'pause' | 'resume'
  actor: string
  reason: string | null
  at: string
}

/** The latest orders to pause or to resume services; none of a service that never got one. */
export const standingOrders = async (db: Kysely<Tables>, services: readonly string[]): Promise<Order[]> => {
  const { rows } = await sql<Order>`
    select distinct on (service) service, id, action, actor ->> 'id' as actor, reason, at
    from unnest(${services}::text[]) as wanted (service)
    join control_actions on control_actions.services is null or service = any(control_actions.services)
    where action in ('pause', 'resume')
    order by service, id desc`.execute(db)
  return rows
}

/** The latest order to pause or to resume a service; undefined when there was none. */
export const standingOrder = async (db: Kysely<Tables>, service: string): Promise<Order | undefined> =>
  (await standingOrders(db, [service]))[0]
