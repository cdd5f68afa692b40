import type { CommandAnswer } from '@journey/contracts'
import type { Message, Publisher } from '@journey/messaging'

/** Tells whoever asked for it (`reply_to`) how a command ended. Nobody listening any more is no failure. */
export type Reply = (message: Pick<Message, 'properties'>, answer: CommandAnswer) => Promise<void>

export const createReply =
  (publisher: Publisher): Reply =>
  async ({ properties: { replyTo, correlationId } }, answer) => {
    if (replyTo === undefined || replyTo === '') return
    const body = Buffer.from(JSON.stringify(answer))
    const properties = { type: 'command.answer', ...(correlationId !== undefined && { correlationId }) }
    await publisher.publish('', replyTo, body, properties, { mandatory: false })
  }
