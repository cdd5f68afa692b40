import { readCommand, type Incoming } from '@journey/contracts'
import type { Handler, Message } from '@journey/messaging'
import type { Reply } from './answers.js'
import type { HandleCommand } from './handle-command.js'
import type { CommandMeters } from './meters.js'

/** What of a message a command is read from. */
export const incomingOf = ({
  body,
  routingKey,
  exchange,
  properties: { messageId, headers },
}: Pick<Message, 'body' | 'routingKey' | 'exchange' | 'properties'>): Incoming => ({
  body,
  // The default exchange's key is the queue's name and says nothing of the command.
  routingKey: exchange === '' ? '' : routingKey,
  messageId,
  headers,
})

/** ② of "the way of a command": reads, handles, answers; the consumer acknowledges when this resolves. */
export const createCommandConsumer =
  ({ handle, reply, meters }: { handle: HandleCommand; reply: Reply; meters: CommandMeters }): Handler =>
  async (message) => {
    const read = readCommand(incomingOf(message))
    const log = message.log.child({ commandId: read.commandId })
    const stop = meters.handling.startTimer({ type: read.command.type })
    const answer = await handle(read)
    stop()
    meters.commands.inc({ type: read.command.type, status: answer.status })
    await reply(message, answer)
    const told = {
      command: answer.command_type,
      status: answer.status,
      stream: answer.stream,
      revision: answer.revision,
      code: answer.error?.code,
    }
    log[read.command.type === 'agent.heartbeat' ? 'debug' : 'info'](told, 'command settled')
  }
