import { sql, type Kysely } from 'kysely'
import { createProofs, type Proofs } from '@journey/contracts'
import type { Tables } from '../tables.js'

const name = 'event-relay'

/**
 * The proofs of our relay, by the secret that the database holds. It is made by whoever asks first, in the database itself, and read
 * once: whoever replaces it starts the services anew. What is proven by another goes by way of the event store.
 *
 * @throws unavailable when PostgreSQL is away; ask again
 */
export const relayProofs = (db: Kysely<Tables>): (() => Promise<Proofs>) => {
  let known: Promise<Proofs> | undefined
  return () => {
    if (!known) {
      known = secretOf(db).then(createProofs)
      known.catch(() => (known = undefined))
    }
    return known
  }
}

/** The proofs of our relay as they are now, for who must not make the secret; undefined while it has proven nothing. */
export const knownProofs = async (db: Kysely<Tables>): Promise<Proofs | undefined> => {
  const secret = await read(db)
  return secret && createProofs(secret)
}

const secretOf = async (db: Kysely<Tables>): Promise<Buffer> => {
  const found = await read(db)
  if (found) return found
  await sql`
    insert into proof_secrets (name, secret)
    values (${name}, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())))
    on conflict (name) do nothing`.execute(db)
  return (await read(db))!
}

const read = async (db: Kysely<Tables>): Promise<Buffer | undefined> =>
  (await db.selectFrom('proof_secrets').select('secret').where('name', '=', name).executeTakeFirst())?.secret
