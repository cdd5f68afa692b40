import { sql, type Kysely } from 'kysely'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'

/** How often something was begun before and never ended, and since when. */
export type Deaths = { times: number; firstAt: Date }

/** How often each was begun at this place and never ended; those never begun, or ended, are left out. */
export const deathsOf = async (
  db: Kysely<Tables>,
  place: string,
  subjects: readonly string[],
): Promise<Map<string, Deaths>> => {
  const rows = await db
    .selectFrom('begun_deliveries')
    .select(['subject', 'begun', 'first_at'])
    .where('place', '=', place)
    .where('subject', '=', sql<string>`any(${[...subjects]}::text[])`)
    .execute()
  return new Map(rows.map(({ subject, begun, first_at }) => [subject, { times: begun, firstAt: new Date(first_at) }]))
}

/** Writes down that these are begun now; before their work, so that a process that dies of it leaves a trace. */
export const noteBegun = async (db: Kysely<Tables>, place: string, subjects: readonly string[]): Promise<void> => {
  await sql`
    insert into begun_deliveries (place, subject, begun)
    select ${place}, subject, 1 from unnest(${[...subjects].sort()}::text[]) as begun (subject)
    on conflict (place, subject) do update set begun = begun_deliveries.begun + 1, last_at = now()`.execute(db)
}

/** They came to an end that was no death, and may come again: only this beginning is taken back. */
export const takeBackBegun = async (db: Kysely<Tables>, place: string, subjects: readonly string[]): Promise<void> => {
  await sql`
    update begun_deliveries set begun = begun - 1
    where place = ${place} and subject = any(${[...subjects]}::text[]) and begun > 0`.execute(db)
}

/** They are done for good. */
export const forgetBegun = async (db: Kysely<Tables>, place: string, subjects: readonly string[]): Promise<void> => {
  await db
    .deleteFrom('begun_deliveries')
    .where('place', '=', place)
    .where('subject', '=', sql<string>`any(${[...subjects]}::text[])`)
    .execute()
}

/** Removes what was left behind by messages that never came again; returns how many. */
export const purgeBegun = async (db: Kysely<Tables>, silentForDays: number): Promise<number> => {
  const { numDeletedRows } = await db
    .deleteFrom('begun_deliveries')
    .where('last_at', '<', sql<Instant>`now() - make_interval(days => ${silentForDays})`)
    .executeTakeFirst()
  return Number(numDeletedRows)
}

/** The same for one subject at a time, as the guard against poison asks it. */
export const begunIn = (db: Kysely<Tables>) => ({
  deaths: async (place: string, subject: string): Promise<Deaths | undefined> =>
    (await deathsOf(db, place, [subject])).get(subject),
  note: (place: string, subject: string): Promise<void> => noteBegun(db, place, [subject]),
  takeBack: (place: string, subject: string): Promise<void> => takeBackBegun(db, place, [subject]),
  forget: (place: string, subject: string): Promise<void> => forgetBegun(db, place, [subject]),
})
