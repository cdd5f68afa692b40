import { readCommand } from '@journey/contracts'
import { incomingOf, type HandleCommand } from '@journey/handlers'
import type { Handler } from '@journey/messaging'
import type { Reply } from './answers.js'
import type { CommandMeters } from './meters.js'

/** ② of "the way of a command": reads, handles, answers; the consumer acknowledges when this resolves. */
export const createCommandConsumer =
  ({ handle, reply, meters }: { handle: HandleCommand; reply: Reply; meters: CommandMeters }): Handler =>
  async (message) => {
    const read = readCommand(incomingOf(message))
    const stop = meters.handling.startTimer({ type: read.command.type })
    const answer = await handle(read, () => (message.fate = 'duplicate'))
    stop()
    meters.commands.inc({ type: read.command.type, status: answer.status })
    await reply(message, answer)
    const told = {
      commandId: read.commandId,
      command: answer.command_type,
      status: answer.status,
      stream: answer.stream,
      revision: answer.revision,
      code: answer.error?.code,
    }
    message.log[read.command.type === 'agent.heartbeat' ? 'debug' : 'info'](told, 'command settled')
  }
