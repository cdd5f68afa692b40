import type { CommandAnswer } from '@journey/contracts'
import { sql, type Kysely } from 'kysely'
import { jsonOrNull } from '../columns.js'
import { sealRow } from '../privacy/sealing.js'
import type { Tables } from '../tables.js'
import { answerOf } from './outcomes.js'
import type { CommandRow } from './table.js'

/** A command that is about to be published. */
export type Announcement = {
  commandId: string
  commandType: string
  digest: string
  correlationId: string
  source: string
}

/** What the announcement met: nothing, a failed command whose id is free again, the same command, or another one. */
export type Announced =
  | { found: 'new' }
  | { found: 'failed'; before: CommandRow }
  | { found: 'known'; answer: CommandAnswer }
  | { found: 'key_reused'; answer: CommandAnswer }

/** Makes a command known as `pending` before it is published. One that is known already stays as it is, unless it `failed`. */
export const announce = async (db: Kysely<Tables>, announcement: Announcement): Promise<Announced> => {
  const { commandId, commandType, digest, correlationId, source } = announcement
  const inserted = await db
    .insertInto('commands')
    .values({
      command_id: commandId,
      command_type: commandType,
      digest,
      status: 'pending',
      correlation_id: correlationId,
      source,
    })
    .onConflict((conflict) => conflict.column('command_id').doNothing())
    .returning('command_id')
    .executeTakeFirst()
  if (inserted) return { found: 'new' }
  const before = await db.selectFrom('commands').selectAll().where('command_id', '=', commandId).executeTakeFirst()
  if (!before) return announce(db, announcement) // withdrawn in between
  if (before.status !== 'failed')
    return { found: before.digest === digest ? 'known' : 'key_reused', answer: answerOf(before) }
  const reopened = await db
    .updateTable('commands')
    .set({ status: 'pending', command_type: commandType, digest, error: null, sealed: null, settled_at: null })
    .where('command_id', '=', commandId)
    .where('status', '=', 'failed')
    .executeTakeFirst()
  return reopened.numUpdatedRows > 0n ? { found: 'failed', before } : announce(db, announcement)
}

/** Undoes an announcement whose command could not be published; does nothing once somebody has taken the command up. */
export const withdraw = async (db: Kysely<Tables>, commandId: string, announced: Announced): Promise<void> => {
  if (announced.found === 'new')
    await db
      .deleteFrom('commands')
      .where('command_id', '=', commandId)
      .where('status', '=', 'pending')
      .where('claimed_at', 'is', null)
      .execute()
  if (announced.found === 'failed') {
    const { status, command_type, digest, error, sealed, settled_at, claimed_at } = await sealRow(
      db,
      'commands',
      announced.before,
    )
    await db
      .updateTable('commands')
      .set({ status, command_type, digest, error: jsonOrNull(error), sealed, settled_at })
      .where('command_id', '=', commandId)
      .where('status', '=', 'pending')
      .where(sql<boolean>`claimed_at is not distinct from ${claimed_at}`)
      .execute()
  }
}

/** A command's answer, and whether it is settled and what it led to can be read: always so for what led to nothing. */
export type Outcome = { answer: CommandAnswer; visible: boolean }

/** The commands among these ids that are known. */
export const outcomesOf = async (db: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, Outcome>> => {
  const rows = await db
    .selectFrom('commands')
    .leftJoin('projection_gates', (join) =>
      join.onRef('projection_gates.stream', '=', 'commands.stream').on('projection_gates.consumer', '=', 'projector'),
    )
    .selectAll('commands')
    .select('projection_gates.revision as applied')
    .where('command_id', 'in', ids)
    .execute()
  return new Map(
    rows.map(({ applied, ...row }) => [row.command_id, { answer: answerOf(row), visible: isVisible(row, applied) }]),
  )
}

const isVisible = ({ status, revision }: Pick<CommandRow, 'status' | 'revision'>, applied: number | null): boolean =>
  status === 'accepted' ? revision === null || (applied ?? -1) >= revision : status !== 'pending'
