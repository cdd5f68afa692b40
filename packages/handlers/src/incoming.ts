import type { Incoming } from '@journey/contracts'
import type { Message } from '@journey/messaging'

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
