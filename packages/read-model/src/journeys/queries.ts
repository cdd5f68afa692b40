import { sql, type Kysely } from 'kysely'
import type { Tables } from '../tables.js'
import type { JourneyRow } from './table.js'

/** The columns that journeys can be listed by. */
export const journeyOrders = ['client_id', 'started_at', 'stage_started_at', 'updated_at'] as const
export type JourneyOrder = (typeof journeyOrders)[number]

export type JourneyFilter = {
  stage?: string | undefined
  status?: string | undefined
  /** Part of the client's id, in whatever case. */
  q?: string | undefined
  order: JourneyOrder
  descending: boolean
  limit: number
  /** The value of `order` and the client of the last journey of the page before. */
  after?: readonly [value: string, clientId: string] | undefined
}

/** The journey of a client: its latest episode. */
export const journeyOf = (db: Kysely<Tables>, clientId: string): Promise<JourneyRow | undefined> =>
  db.selectFrom('journey_states').selectAll().where('client_id', '=', clientId).executeTakeFirst()

/** Journeys in order, ties by client id. */
export const findJourneys = (db: Kysely<Tables>, filter: JourneyFilter): Promise<JourneyRow[]> => {
  const { stage, status, q, order, descending, limit, after } = filter
  const direction = descending ? 'desc' : 'asc'
  const beyond = sql.raw(descending ? '<' : '>')
  return db
    .selectFrom('journey_states')
    .selectAll()
    .$if(stage !== undefined, (query) => query.where(sql<boolean>`current_stage = ${stage}`))
    .$if(status !== undefined, (query) => query.where(sql<boolean>`status = ${status}`))
    .$if(q !== undefined, (query) => query.where(sql<boolean>`position(lower(${q}::text) in lower(client_id)) > 0`))
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(${sql.ref(order)}, client_id) ${beyond} (${after?.[0]}, ${after?.[1]})`),
    )
    .orderBy(order, direction)
    .orderBy('client_id', direction)
    .limit(limit)
    .execute()
}
