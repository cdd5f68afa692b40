import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { inTheBackground, type Figure, type Log, type Part } from '@journey/runtime'
import { json } from '../columns.js'
import type { Tables } from '../tables.js'

/** How often a service says how it does. */
export const figuresEveryMs = 2_000
/** An instance that has said nothing for so long does not run, or does not reach the database. */
const silentAfterSeconds = 8
/** A silent instance that another has taken the place of is spoken of for so long. */
const forgottenAfterSeconds = 600

/** What a service last said of itself. `silent`: that was too long ago to be true now. */
export type ServiceReport = {
  service: string
  instance: string
  started_at: string
  at: string
  silent: boolean
  figures: Figure[]
}

/**
 * Notes a service's figures every 2 s for whoever wants to see the system whole, and takes them away at the stop. Whatever fails is tried
 * again at the next turn: a service does its duty without it.
 */
export const reportFigures = ({
  db,
  service,
  read,
  log,
}: {
  db: Kysely<Tables>
  service: string
  read: () => Promise<Figure[]>
  log: Log
}): Part => {
  const instance = `${hostname()}:${process.pid}`
  const started_at = new Date().toISOString()
  const mine = () => db.deleteFrom('service_figures').where('service', '=', service).where('instance', '=', instance)

  const note = async (): Promise<void> => {
    const said = { at: sql<string>`now()`, figures: json(await read()) }
    await db
      .insertInto('service_figures')
      .values({ service, instance, started_at, ...said })
      .onConflict((conflict) => conflict.columns(['service', 'instance']).doUpdateSet({ started_at, ...said }))
      .execute()
    await db
      .deleteFrom('service_figures')
      .where('at', '<', sql<string>`now() - make_interval(secs => ${forgottenAfterSeconds})`)
      .execute()
  }

  return inTheBackground('figures', async (signal) => {
    while (!signal.aborted) {
      await note().catch((error: unknown) => log.debug({ err: error }, 'the figures could not be noted'))
      await sleep(figuresEveryMs, undefined, { signal }).catch(() => undefined)
    }
    await mine()
      .execute()
      .catch(() => undefined)
  })
}

/** What every service last said of itself, by service and instance. */
export const serviceReports = (db: Kysely<Tables>): Promise<ServiceReport[]> =>
  db
    .selectFrom('service_figures')
    .select(['service', 'instance', 'started_at', 'at', 'figures'])
    .select(sql<boolean>`at < now() - make_interval(secs => ${silentAfterSeconds})`.as('silent'))
    .orderBy('service')
    .orderBy('instance')
    .execute()
