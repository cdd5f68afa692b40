import { exchanges } from '@journey/contracts'
import { silentLog } from '@journey/runtime'
import { connect, type Channel, type ConfirmChannel, type Message as Delivered, type Options } from 'amqplib'
import { toMessage, type Message } from '../message.js'
import { eventually } from './eventually.js'

/** A spec's own hand on the broker: raw, beside the code under test. */
export type TestBroker = {
  /** For declaring and looking. A failed declare closes it, as AMQP says. */
  readonly channel: Channel
  /** Publishes, confirmed; objects as JSON. */
  publish(exchange: string, key: string, body: unknown, options?: Options.Publish): Promise<void>
  /** Collects what an exchange routes by a key from now on, through a queue of its own. */
  collect(exchange: string, key: string): Promise<Collection>
  /** Takes the next message of a queue and acknowledges it; undefined when empty. */
  take(queue: string): Promise<Message | undefined>
  /** How many messages of a queue are ready for a consumer. */
  depth(queue: string): Promise<number>
  close(): Promise<void>
}

export type Collection = {
  /** So far, in order of arrival. */
  readonly messages: readonly Message[]
  /** Resolves with everything once there are at least `count`. */
  until(count: number): Promise<readonly Message[]>
}

export const openTestBroker = async (url: string): Promise<TestBroker> => {
  const model = await connect(url)
  const channel = await model.createChannel()
  channel.on('error', () => undefined) // whoever looks hears of it as a rejection
  const publisher: ConfirmChannel = await model.createConfirmChannel()
  const read = (delivery: Delivered, queue: string): Message =>
    toMessage(delivery, {
      queue,
      retryExchange: exchanges.retry.name,
      signal: new AbortController().signal,
      log: silentLog(),
    })
  return {
    channel,
    publish: (exchange, key, body, options = {}) =>
      new Promise((resolve, reject) => {
        const content = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
        const fields = { contentType: 'application/json', persistent: true, ...options }
        publisher.publish(exchange, key, content, fields, (error: Error | null) => {
          if (error) reject(error)
          else resolve()
        })
      }),
    collect: async (exchange, key) => {
      const { queue } = await channel.assertQueue('', { exclusive: true, durable: false })
      await channel.bindQueue(queue, exchange, key)
      const messages: Message[] = []
      await channel.consume(queue, (delivery) => delivery && messages.push(read(delivery, queue)), { noAck: true })
      return {
        messages,
        until: (count) =>
          eventually(`${count} messages of ${exchange} by ${key}`, () => messages.length >= count && messages),
      }
    },
    take: async (queue) => {
      const delivery = await channel.get(queue, { noAck: true })
      return delivery ? read(delivery, queue) : undefined
    },
    depth: async (queue) => (await channel.checkQueue(queue)).messageCount,
    close: () => model.close(),
  }
}
