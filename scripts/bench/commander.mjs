import { randomUUID } from 'node:crypto'
import amqp from 'amqplib'

/** A stranger on the bus: publishes commands and hears their answers, as any AMQP client would. */
export const createCommander = async (url) => {
  const connection = await amqp.connect(url)
  const channel = await connection.createConfirmChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true, durable: false, autoDelete: true })
  const waiting = new Map()
  await channel.consume(
    queue,
    ({ content, properties }) => {
      waiting.get(properties.correlationId)?.(JSON.parse(content.toString()))
      waiting.delete(properties.correlationId)
    },
    { noAck: true },
  )
  return {
    /** Publishes at once; resolves with the answer, the moment of publishing and that of the answer. */
    command: (type, data) => {
      const command_id = randomUUID()
      const publishedAt = performance.now()
      const body = Buffer.from(JSON.stringify({ command_id, command_type: type, source: 'bench', data }))
      const properties = {
        contentType: 'application/json',
        persistent: true,
        replyTo: queue,
        correlationId: command_id,
      }
      const answered = new Promise((resolve) => waiting.set(command_id, resolve))
      channel.publish('journey.commands', type, body, properties)
      return answered.then((answer) => ({ answer, publishedAt, answeredAt: performance.now() }))
    },
    close: () => connection.close(),
  }
}
