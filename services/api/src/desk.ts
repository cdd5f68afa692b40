import {
  bodyLimit,
  digestOf,
  exchanges,
  isCommandId,
  problemsWith,
  commandKinds,
  type CommandAnswer,
  type CommandEnvelope,
  type CommandStatus,
  type CommandType,
} from '@journey/contracts'
import type { Actor, JsonObject } from '@journey/domain'
import type { Publisher } from '@journey/messaging'
import { announce, outcomesOf, withdraw, type Database, type Outcome } from '@journey/read-model'
import { malformed, type Log } from '@journey/runtime'
import { randomUUID } from 'node:crypto'
import { createPoll } from './poll.js'
import { problem } from './problems.js'

/** A command as a caller hands it in; without an id of its own it gets one. */
export type Submission = {
  type: CommandType
  data: JsonObject
  commandId?: string | undefined
  correlationId?: string | undefined
  actor: Actor
}

/** Takes commands to the bus and tells what became of them. */
export interface Desk {
  /**
   * Resolves once the bus has the command safe; from then on it is known, with the status that is told here. Safe to repeat
   * with the same id: what was settled stays settled.
   *
   * @throws 422 `command/invalid`, 413 `json/too_large`, 409 `command/key_reused`
   * @throws unavailable `broker/…`, `database/…`: then it is not known, unless it was before
   */
  submit(submission: Submission): Promise<{ command_id: string; status: CommandStatus }>
  /** The outcome, waited for until its own events can be read; undefined for an id never heard of. */
  outcome(commandId: string, waitMs: number, gone?: AbortSignal): Promise<Outcome | undefined>
  stop(): void
}

export const createDesk = (options: { db: Database['db']; publisher: Publisher; log: Log }): Desk => {
  const { db, publisher, log } = options
  const poll = createPoll((ids) => outcomesOf(db, ids))

  const publish = (envelope: CommandEnvelope, body: Buffer): Promise<void> =>
    publisher.publish(exchanges.commands.name, envelope.command_type, body, {
      messageId: envelope.command_id,
      type: envelope.command_type,
      timestamp: Math.floor(Date.parse(envelope.timestamp) / 1000),
    })

  return {
    submit: async (submission) => {
      const envelope = envelopeOf(submission)
      const body = Buffer.from(JSON.stringify(envelope))
      if (body.length > bodyLimit)
        throw malformed('json/too_large', `The command has ${body.length} bytes; at most ${bodyLimit} are taken`)
      const { command_id, command_type, data } = envelope
      const announced = await announce(db, {
        commandId: command_id,
        commandType: command_type,
        digest: digestOf(command_type, data),
        correlationId: envelope.metadata.correlation_id as string,
        source: envelope.source,
      })
      if (announced.found === 'key_reused') throw keyReused(command_id, announced.answer)
      try {
        await publish(envelope, body)
      } catch (error) {
        await withdraw(db, command_id, announced).catch((failure: unknown) =>
          log.warn({ err: failure, command_id }, 'a command that was not published stays pending'),
        )
        throw error
      }
      log.info({ command_id, command_type }, 'command published')
      return { command_id, status: announced.found === 'known' ? announced.answer.status : 'pending' }
    },
    outcome: async (commandId, waitMs, gone) => {
      if (!isCommandId(commandId)) return undefined
      if (waitMs > 0) return poll.until(commandId, (outcome) => outcome === undefined || outcome.visible, waitMs, gone)
      return (await outcomesOf(db, [commandId])).get(commandId)
    },
    stop: () => poll.stop(),
  }
}

const envelopeOf = ({ type, data, commandId, correlationId, actor }: Submission): CommandEnvelope => {
  const command_id = commandId ?? randomUUID()
  const problems = problemsWith(commandKinds[type].data, data)
  if (!isCommandId(command_id))
    problems.push({ field: 'idempotency-key', code: 'command_id', message: 'Idempotency-Key must be 1 to 128 bytes' })
  if (problems.length > 0)
    throw malformed('command/invalid', problems.map(({ message }) => message).join('; '), problems)
  return {
    command_id,
    command_type: type,
    command_version: '1.0',
    timestamp: new Date().toISOString(),
    source: 'api',
    data,
    metadata: { correlation_id: correlationId ?? randomUUID(), actor },
  }
}

const keyReused = (commandId: string, { command_type }: CommandAnswer) =>
  problem(
    409,
    'command/key_reused',
    `Idempotency-Key ${commandId} belongs to another command already (${command_type ?? 'unreadable'}): use a new key`,
    [],
    { command_id: commandId },
  )
