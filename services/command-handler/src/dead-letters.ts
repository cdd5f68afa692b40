import { readableCommandId, readCommand, type CommandAnswer, type Incoming } from '@journey/contracts'
import { readDeadLetter, type DeadLetter, type Handler } from '@journey/messaging'
import { Fault, type Detail } from '@journey/runtime'
import type { Reply } from './answers.js'
import { incomingOf } from './command-consumer.js'
import type { CommandMeters } from './meters.js'

/** Keeps a dead letter and, when it names a command, that command's end, in one transaction. Safe to repeat. */
export type KeepDeadLetter = (
  letter: DeadLetter,
  of: { commandId: string | undefined; commandType: string | null; clientId: string | undefined },
  failed: CommandAnswer | undefined,
) => Promise<void>

/**
 * Empties the dead-letter queue of the commands into the table: kept first, then acknowledged. A command with a readable id
 * ends `failed`, and its sender hears of it.
 */
export const createDeadLetterDrain =
  ({
    keep,
    reply,
    now,
    meters,
  }: {
    keep: KeepDeadLetter
    reply: Reply
    now: () => Date
    meters: CommandMeters
  }): Handler =>
  async (message) => {
    const letter = readDeadLetter(message, now())
    const incoming = incomingOf({
      ...letter,
      routingKey: letter.original.routing_key,
      exchange: letter.original.exchange,
    })
    const commandId = readableCommandId(incoming)
    const { commandType, clientId, details } = whatIsReadable(incoming)
    const failed = commandId === undefined ? undefined : failure(commandId, commandType, letter, details)
    await keep(letter, { commandId, commandType, clientId }, failed)
    meters.deadLetters.inc({ queue: letter.queue, reason: letter.reason })
    if (failed) await reply(letter, failed)
    message.log.warn({ commandId, queue: letter.queue, reason: letter.reason, code: letter.code }, 'dead letter kept')
  }

const failure = (
  command_id: string,
  command_type: string | null,
  { code, message }: DeadLetter,
  details: readonly Detail[],
): CommandAnswer => ({
  command_id,
  command_type,
  status: 'failed',
  stream: null,
  revision: null,
  events: [],
  error: { code, message, details },
})

/** As much of a command as can still be read of its remains; what is wrong with it is found by reading it again. */
const whatIsReadable = (
  incoming: Incoming,
): { commandType: string | null; clientId: string | undefined; details: readonly Detail[] } => {
  try {
    const { command } = readCommand(incoming)
    return {
      commandType: command.type,
      clientId: 'client_id' in command.data ? command.data.client_id : undefined,
      details: [],
    }
  } catch (error) {
    const details = error instanceof Fault ? error.details : []
    return { commandType: incoming.routingKey.slice(0, 255) || null, clientId: undefined, details }
  }
}
