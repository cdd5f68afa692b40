import { sql, type Kysely } from 'kysely'
import type { CommandAnswer } from '@journey/contracts'
import { json, jsonOrNull } from '../columns.js'
import type { CommandRow } from './table.js'
import type { Instant } from '@journey/domain'
import { sealRows } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'

/** A command's claim: who it is, by id and digest, and who works on it; every claim has a `claimedBy` of its own. */
export type Claim = {
  commandId: string
  commandType: string
  digest: string
  correlationId: string
  source: string
  claimedBy: string
}

/** What the claim found: nobody settled the command yet, it has an outcome already, or its id belongs to another command. */
export type Claimed =
  | { found: 'open'; claimedBy: string }
  | { found: 'settled'; answer: CommandAnswer }
  | { found: 'key_reused'; answer: CommandAnswer }

/**
 * Claims commands by their ids, all in one statement. A claim without outcome is taken over by whoever gets the message
 * again: from then on the former holder's is void (`areHeld`, `settleAll`). A command that `failed` has not used its id up, so
 * it is open again under its new body. Safe to repeat.
 *
 * @returns one answer a claim, in the order of the claims; ids must not repeat
 */
export const claim = async (db: Kysely<Tables>, claims: readonly Claim[]): Promise<Claimed[]> => {
  const sorted = [...claims].sort(byId) // always in the same order, so that two never wait for each other
  const rows = await db
    .insertInto('commands')
    .columns(['command_id', 'command_type', 'digest', 'status', 'correlation_id', 'source', 'claimed_by', 'claimed_at'])
    .expression(
      sql<ClaimedColumns>`
        select command_id, command_type, digest, 'pending', correlation_id, source, claimed_by, now()
        from unnest(${sorted.map(({ commandId }) => commandId)}::text[], ${sorted.map(({ commandType }) => commandType)}::text[],
                    ${sorted.map(({ digest }) => digest)}::text[], ${sorted.map(({ correlationId }) => correlationId)}::text[],
                    ${sorted.map(({ source }) => source)}::text[], ${sorted.map(({ claimedBy }) => claimedBy)}::text[])
             as claim (command_id, command_type, digest, correlation_id, source, claimed_by)`,
    )
    .onConflict((conflict) =>
      conflict.column('command_id').doUpdateSet({
        command_type: sql<string>`case when ${isOpen} then excluded.command_type else commands.command_type end`,
        digest: sql<string>`case when ${isOpen} then excluded.digest else commands.digest end`,
        status: sql<'pending'>`case when commands.status = 'failed' then 'pending' else commands.status end`,
        error: sql`case when commands.status = 'failed' then null else commands.error end`,
        sealed: sql`case when commands.status = 'failed' then null else commands.sealed end`,
        claimed_by: sql<string>`case when ${isTaken} then excluded.claimed_by else commands.claimed_by end`,
        claimed_at: sql<Instant>`case when ${isTaken} then now() else commands.claimed_at end`,
      }),
    )
    .returningAll()
    .execute()
  const found = new Map(rows.map((row) => [row.command_id, row]))
  return claims.map(({ commandId, digest, claimedBy }) => {
    const row = found.get(commandId)
    if (!row || row.digest === digest)
      return !row || row.status === 'pending'
        ? { found: 'open', claimedBy }
        : { found: 'settled', answer: answerOf(row) }
    return { found: 'key_reused', answer: answerOf(row) }
  })
}

type ClaimedColumns = Record<
  'command_id' | 'command_type' | 'digest' | 'correlation_id' | 'source' | 'claimed_by',
  string
> & {
  status: 'pending'
  claimed_at: Instant
}

const byId = (one: { commandId: string }, other: { commandId: string }): number =>
  one.commandId < other.commandId ? -1 : 1

const isOpen = sql<boolean>`(commands.status = 'failed' or commands.digest is null)`
/** Another command under the same id takes nothing from the first. */
const isTaken = sql<boolean>`(${isOpen} or (commands.status = 'pending' and commands.digest = excluded.digest))`

/** Which of these claims hold their commands still: without an outcome, and taken over by nobody. In their order. */
export const areHeld = async (
  db: Kysely<Tables>,
  claims: readonly Pick<Claim, 'commandId' | 'claimedBy'>[],
): Promise<boolean[]> => {
  const ids = claims.map(({ commandId }) => commandId)
  const rows = await db
    .selectFrom('commands')
    .select(['command_id', 'claimed_by'])
    .where('command_id', 'in', ids)
    .where('status', '=', 'pending')
    .execute()
  const holders = new Map(rows.map(({ command_id, claimed_by }) => [command_id, claimed_by]))
  return claims.map(({ commandId, claimedBy }) => holders.get(commandId) === claimedBy)
}

type Row = Pick<CommandRow, 'command_id' | 'command_type' | 'status' | 'stream' | 'revision' | 'events' | 'error'>

/** A row of `commands` as the public answer. */
export const answerOf = ({
  command_id,
  command_type,
  status,
  stream,
  revision,
  events,
  error,
}: Row): CommandAnswer => ({
  command_id,
  command_type,
  status,
  stream,
  revision,
  events,
  error,
})

/**
 * An outcome; the stream that the command was meant for, where it is not the one it was stored in (what was refused is in none);
 * and the claim that it was decided under, if any.
 */
export type Settlement = CommandAnswer & { about?: string | null | undefined; claimedBy?: string | undefined }

/**
 * Writes the outcomes of commands, all in one statement, each once: the first to settle wins, and everybody gets the first
 * outcome back. A row that was lost meanwhile is written anew.
 *
 * An outcome with events tells what is stored, so it counts whoever holds the command by now, and even after it `failed`. One
 * without counts only while the claim it was decided under holds: who took the command over may be about to store something.
 *
 * @returns the first outcomes, in the order of the answers; undefined where the claim is void and there is no outcome that
 *   could be told. Ids must not repeat.
 */
export const settleAll = async (
  db: Kysely<Tables>,
  answers: readonly Settlement[],
): Promise<(CommandAnswer | undefined)[]> => {
  const placed = answers.map((answer) => ({ ...answer, about: answer.about ?? answer.stream }))
  const sorted = (await sealRows(db, 'commands', placed)).sort((one, other) =>
    one.command_id < other.command_id ? -1 : 1,
  ) // as in `claim`
  const { rows: written } = await sql<{ command_id: string }>`
    insert into commands
      (command_id, command_type, status, stream, revision, events, error, about, sealed, claimed_by, settled_at)
    select *, now()
    from unnest(${sorted.map(({ command_id }) => command_id)}::text[], ${sorted.map(({ command_type }) => command_type)}::text[],
                ${sorted.map(({ status }) => status)}::text[], ${sorted.map(({ stream }) => stream)}::text[],
                ${sorted.map(({ revision }) => revision)}::bigint[], ${sorted.map(({ events }) => json(events))}::jsonb[],
                ${sorted.map(({ error }) => jsonOrNull(error))}::jsonb[], ${sorted.map(({ about }) => about)}::text[],
                ${sorted.map(({ sealed }) => sealed)}::bytea[], ${sorted.map(({ claimedBy }) => claimedBy ?? null)}::text[])
    on conflict (command_id) do update
    set status = excluded.status, stream = excluded.stream, revision = excluded.revision, events = excluded.events,
        error = excluded.error, about = excluded.about, sealed = excluded.sealed, settled_at = excluded.settled_at
    where case when excluded.events <> '[]' then commands.status in ('pending', 'failed')
      else commands.status = 'pending' and (excluded.claimed_by is null or excluded.claimed_by = commands.claimed_by) end
    returning command_id`.execute(db)
  const isWritten = new Set(written.map(({ command_id }) => command_id))
  const others = answers.flatMap(({ command_id }) => (isWritten.has(command_id) ? [] : [command_id]))
  if (others.length === 0) return answers.map(answerOf)
  const rows = await db.selectFrom('commands').selectAll().where('command_id', 'in', others).execute()
  const first = new Map(rows.map((row) => [row.command_id, row]))
  return answers.map((answer) => {
    if (isWritten.has(answer.command_id)) return answerOf(answer)
    const row = first.get(answer.command_id)
    const isVoid = answer.claimedBy !== undefined && (!row || row.status === 'pending' || row.status === 'failed')
    return isVoid ? undefined : answerOf(row ?? answer)
  })
}

/** Writes the outcome of one command: see `settleAll`. */
export const settle = async (db: Kysely<Tables>, answer: Settlement): Promise<CommandAnswer | undefined> =>
  (await settleAll(db, [answer]))[0]

/**
 * Removes outcomes that were settled more than this many hours ago, at most `limit` of them; returns how many went. A command may be
 * settled long after it came, when it was a dead letter in between. That it came before is asked for the index.
 */
export const purge = async (db: Kysely<Tables>, olderThanHours: number, limit = 10_000): Promise<number> => {
  const before = sql<Instant>`now() - make_interval(hours => ${olderThanHours})`
  const result = await db
    .deleteFrom('commands')
    .where('command_id', 'in', (query) =>
      query
        .selectFrom('commands')
        .select('command_id')
        .where('status', '<>', 'pending')
        .where('settled_at', '<', before)
        .where('received_at', '<', before)
        .limit(limit),
    )
    .executeTakeFirst()
  return Number(result.numDeletedRows)
}
