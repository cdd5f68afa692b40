import type { Queue, Topology } from '@journey/contracts'
import { messageOf, unavailable } from '@journey/runtime'
import type { Channel } from 'amqplib'
import { brokerFault, replyCodeOf } from '../faults.js'

/**
 * Declares exchanges, then each queue with its bindings, in the table's order. Safe to repeat.
 *
 * @throws unavailable `broker/topology_drift`: something stands there with other arguments; the message names it and the
 *   difference. The channel is closed by the broker then, as after every other failure
 * @throws unavailable `broker/access_refused`, `broker/away`
 */
export const declareTopology = async (channel: Channel, table: Topology): Promise<void> => {
  for (const { name, type } of table.exchanges)
    await declaring(`exchange ${name}`, () => channel.assertExchange(name, type, { durable: true }))
  for (const queue of table.queues) await declareQueue(channel, queue)
}

const declareQueue = async (channel: Channel, queue: Queue): Promise<void> => {
  await declaring(`queue ${queue.name}`, () =>
    channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments }),
  )
  for (const { exchange, key } of queue.bindings)
    await declaring(`the binding of ${queue.name} to ${exchange} by ${key}`, () =>
      channel.bindQueue(queue.name, exchange, key),
    )
}

const preconditionFailed = 406

const declaring = async (what: string, declare: () => Promise<unknown>): Promise<void> => {
  try {
    await declare()
  } catch (error) {
    if (replyCodeOf(error) !== preconditionFailed) throw brokerFault(error, `declaring ${what}`)
    throw unavailable(
      'broker/topology_drift',
      `The ${what} stands on the broker with other arguments: ${differenceIn(messageOf(error))}. ` +
        '"npm run topology -- plan" shows all that differs, "npm run topology -- apply" declares it anew and loses no message.',
      error,
    )
  }
}

/**
 * The one argument that RabbitMQ names, in our words; its own when they are others. (3.10 to 4.1: "inequivalent arg 'x-message-ttl' for
 * queue 'q' in vhost '/': received '1' but current is '2'", "received none but current is the value '2' of type 'long'".)
 */
const differenceIn = (text: string): string => {
  const [, argument, should, is] =
    /inequivalent arg '([^']+)'.*: received (.+?) but current is (.+?)"?$/s.exec(text) ?? []
  if (argument === undefined) return text
  return `${argument} is ${valueIn(is!)}, should be ${valueIn(should!)}`
}

const valueIn = (words: string): string => {
  const [, value] = /'([^']*)'/.exec(words) ?? []
  return value ?? (words.startsWith('none') ? 'not set' : words)
}
