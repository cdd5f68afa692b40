import { sql, type Kysely } from 'kysely'
import type { CommandAnswer } from '@journey/contracts'
import { json, jsonOrNull } from '../columns.js'
import type { CommandRow } from './table.js'
import type { Instant } from '@journey/domain'
import type { Tables } from '../tables.js'

/** A command's claim: who it is, by id and digest, and who works on it. */
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
  { found: 'open' } | { found: 'settled'; answer: CommandAnswer } | { found: 'key_reused'; answer: CommandAnswer }

/**
 * Claims commands by their ids, all in one statement. A claim without outcome is taken over by whoever gets the message
 * again; a command that `failed` has not used its id up, so it is open again under its new body. Safe to repeat.
 *
 * @returns one answer a claim, in the order of the claims; ids must not repeat
 */
export const claim = async (db: Kysely<Tables>, claims: readonly Claim[]): Promise<Claimed[]> => {
  const rows = await db
    .insertInto('commands')
    .values(
      claims.map(({ commandId, commandType, digest, correlationId, source, claimedBy }) => ({
        command_id: commandId,
        command_type: commandType,
        digest,
        status: 'pending' as const,
        correlation_id: correlationId,
        source,
        claimed_by: claimedBy,
        claimed_at: sql<Instant>`now()`,
      })),
    )
    .onConflict((conflict) =>
      conflict.column('command_id').doUpdateSet({
        command_type: sql<string>`case when ${isOpen} then excluded.command_type else commands.command_type end`,
        digest: sql<string>`case when ${isOpen} then excluded.digest else commands.digest end`,
        status: sql<'pending'>`case when commands.status = 'failed' then 'pending' else commands.status end`,
        error: sql`case when commands.status = 'failed' then null else commands.error end`,
        claimed_by: sql<string>`excluded.claimed_by`,
        claimed_at: sql<Instant>`now()`,
      }),
    )
    .returningAll()
    .execute()
  const byId = new Map(rows.map((row) => [row.command_id, row]))
  return claims.map(({ commandId, digest }) => {
    const row = byId.get(commandId)
    if (!row || row.digest === digest)
      return !row || row.status === 'pending' ? { found: 'open' } : { found: 'settled', answer: answerOf(row) }
    return { found: 'key_reused', answer: answerOf(row) }
  })
}

const isOpen = sql<boolean>`(commands.status = 'failed' or commands.digest is null)`

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
 * Writes a command's outcome, once: the first to settle wins, and everybody gets the first outcome back.
 * A row that was lost meanwhile is written anew.
 */
export const settle = async (db: Kysely<Tables>, answer: CommandAnswer): Promise<CommandAnswer> => {
  const outcome = {
    status: answer.status,
    stream: answer.stream,
    revision: answer.revision,
    events: json(answer.events),
    error: jsonOrNull(answer.error),
    settled_at: sql<Instant>`now()`,
  }
  const row = await db
    .insertInto('commands')
    .values({ command_id: answer.command_id, command_type: answer.command_type, ...outcome })
    .onConflict((conflict) =>
      conflict.column('command_id').doUpdateSet(outcome).where('commands.status', '=', 'pending'),
    )
    .returningAll()
    .executeTakeFirst()
  if (row) return answer
  const first = await db
    .selectFrom('commands')
    .selectAll()
    .where('command_id', '=', answer.command_id)
    .executeTakeFirst()
  return first ? answerOf(first) : answer
}

/** Removes settled commands older than this many hours, at most `limit` of them; returns how many went. */
export const purge = async (db: Kysely<Tables>, olderThanHours: number, limit = 10_000): Promise<number> => {
  const result = await db
    .deleteFrom('commands')
    .where('command_id', 'in', (query) =>
      query
        .selectFrom('commands')
        .select('command_id')
        .where('status', '<>', 'pending')
        .where('received_at', '<', sql<Instant>`now() - make_interval(hours => ${olderThanHours})`)
        .limit(limit),
    )
    .executeTakeFirst()
  return Number(result.numDeletedRows)
}
