import { conflict, Fault, unavailable } from '@journey/runtime'

type Meaning = { family: 'unavailable' | 'conflict'; code: string; message: string }

const away: Meaning = {
  family: 'unavailable',
  code: 'database/away',
  message: 'PostgreSQL cannot be reached or is starting or stopping; it is tried again by itself',
}
const exhausted: Meaning = {
  family: 'unavailable',
  code: 'database/exhausted',
  message: 'PostgreSQL has run out of connections, memory or disk; free some',
}
const refused: Meaning = {
  family: 'unavailable',
  code: 'database/access_refused',
  message: 'PostgreSQL lets this user not in, or has no such database; check the settings and the grants',
}
const notMigrated: Meaning = {
  family: 'unavailable',
  code: 'database/not_migrated',
  message: 'The database lacks a table or column; run the migrations',
}
const tooSlow: Meaning = {
  family: 'unavailable',
  code: 'database/too_slow',
  message: 'PostgreSQL took longer over a statement or a lock than allowed',
}
const serialization: Meaning = {
  family: 'conflict',
  code: 'database/serialization',
  message: 'Another transaction was in the way; do it again',
}
const duplicate: Meaning = {
  family: 'conflict',
  code: 'database/duplicate',
  message: 'Someone wrote the same key first',
}

/** What PostgreSQL's codes (its documentation, appendix A) and Node's mean for us; by the whole code, then by its class. */
const meanings: Record<string, Meaning> = {
  '08': away,
  '23505': duplicate,
  '25006': away, // read only: a standby, until the settings or the failover catch up
  '28': refused,
  '3D000': refused,
  '40001': serialization,
  '40P01': serialization,
  '42501': refused,
  '42703': notMigrated,
  '42P01': notMigrated,
  '53': exhausted,
  '55P03': tooSlow,
  '57014': tooSlow,
  '57P': away,
  '58': exhausted,
  ECONNREFUSED: away,
  ECONNRESET: away,
  EPIPE: away,
  ETIMEDOUT: away,
  EHOSTUNREACH: away,
  ENETUNREACH: away,
  ENOTFOUND: away,
  EAI_AGAIN: away,
}

/** The SQLSTATE of an error that PostgreSQL itself raised, through whatever was wrapped around it. */
export const sqlStateOf = (error: unknown): string | undefined => {
  if (typeof error !== 'object' || error === null) return undefined
  if ('code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) && 'severity' in error)
    return error.code
  return 'cause' in error ? sqlStateOf(error.cause) : undefined
}

/**
 * Turns what `pg` throws into ours, keeping it as the cause. What means nothing here (a broken constraint, a value that does
 * not fit) comes back as it is: a bug, or a value to be put aside.
 */
export const databaseFault = (error: unknown): unknown => {
  if (error instanceof Fault) return error
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
  const meaning =
    code === undefined
      ? isConnectionLost(error)
        ? away
        : undefined
      : (meanings[code] ?? meanings[code.slice(0, 3)] ?? meanings[code.slice(0, 2)])
  if (!meaning) return error
  const make = meaning.family === 'conflict' ? conflict : unavailable
  return make(meaning.code, `${meaning.message} (${(error as Error).message})`, error)
}

/** `pg` and its pool tell of lost, refused and timed out connections with plain errors without a code, and of nothing else. */
const isConnectionLost = (error: unknown): boolean => error instanceof Error && error.constructor === Error
