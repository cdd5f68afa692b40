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
    let isRepeated = false
    const answer = await handle(read, () => (isRepeated = true))
    stop()
    meters.commands.inc({ type: read.command.type, status: answer.status })
    await reply(message, answer)
    if (isRepeated) message.fate = 'duplicate'
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
