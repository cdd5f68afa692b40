import { isStorable, readableCommandId, readCommand, type CommandAnswer, type Incoming } from '@journey/contracts'
import { incomingOf } from '@journey/handlers'
import type { DeadLetter } from '@journey/messaging'
import type { DeadCommand } from '@journey/read-model'
import { Fault, type Detail } from '@journey/runtime'
import type { Reply } from './answers.js'

/** Keeps the dead letter of a command. One with a readable id ends `failed`, and its sender hears of it. */
export const createKeepCommand =
  ({ keep, reply }: { keep: (letter: DeadLetter, command: DeadCommand) => Promise<void>; reply: Reply }) =>
  async (letter: DeadLetter): Promise<void> => {
    const incoming = incomingOf({
      ...letter,
      routingKey: letter.original.routing_key,
      exchange: letter.original.exchange,
    })
    const id = readableCommandId(incoming)
    const { type, details } = whatIsReadable(incoming)
    const failed = id === undefined ? undefined : failure(id, type, letter, details)
    await keep(letter, { id, type, failed })
    if (failed) await reply(letter, failed)
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
const whatIsReadable = (incoming: Incoming): { type: string | null; details: readonly Detail[] } => {
  try {
    return { type: readCommand(incoming).command.type, details: [] }
  } catch (error) {
    const details = error instanceof Fault ? error.details : []
    const key = incoming.routingKey.slice(0, 255)
    return { type: key !== '' && isStorable(key) ? key : null, details }
  }
}
