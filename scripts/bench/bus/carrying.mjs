// The relay beside bare amqplib: the same bytes with the same headers to queues of the same kind, confirmed.
import amqp from 'amqplib'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventQueuesOf, exchanges, topologyFor } from '@journey/contracts'

const window = 1_000

/** The queues that hear events, under the names that the relay declares or others; those of the last run are gone. */
const queuesNow = async (channel, prefix = '') => {
  const queues = eventQueuesOf(topologyFor({ version: '3.10.8', clustered: false }))
  const exchange = `${prefix}${exchanges.events.name}`
  await channel.assertExchange(exchange, 'topic', { durable: true })
  for (const { name, arguments: args, bindings } of queues) {
    await channel.assertQueue(prefix + name, { durable: true, arguments: args })
    for (const binding of bindings)
      if (binding.exchange === exchanges.events.name) await channel.bindQueue(prefix + name, exchange, binding.key)
  }
  return { exchange, names: queues.map(({ name }) => prefix + name) }
}

/** Every message that lies in the queues of one bucket set, as it was published: the relay's own, to be published again. */
export const collect = async (url, count) => {
  const connection = await amqp.connect(url)
  const channel = await connection.createChannel()
  const messages = []
  const queues = eventQueuesOf(topologyFor({ version: '3.10.8', clustered: false }))
    .map(({ name }) => name)
    .filter((name) => name.startsWith('projector.'))
  await channel.prefetch(5_000)
  await Promise.all(
    queues.map((queue) =>
      channel.consume(queue, ({ content, fields, properties }) => {
        if (messages.length < count) messages.push({ content, key: fields.routingKey, properties })
      }),
    ),
  )
  const end = Date.now() + 60_000
  while (messages.length < count && Date.now() < end) {
    const before = messages.length
    await sleep(200)
    if (messages.length === before && before > 0) break // the prefetch is used up
  }
  await connection.close() // unacknowledged: they stay where they are
  return messages
}

/** Publishes messages with confirms, a window of them under way; events per second. */
export const carryRaw = async (url, messages, count) => {
  const connection = await amqp.connect(url)
  const channel = await connection.createConfirmChannel()
  const { exchange, names } = await queuesNow(channel, 'bench.')
  let underWay = 0
  let wake = () => undefined
  const begun = performance.now()
  for (let n = 0; n < count; n++) {
    const { content, key, properties } = messages[n % messages.length]
    const { CC, ...headers } = properties.headers
    const options = { ...properties, headers: { ...headers, CC }, persistent: true, mandatory: true }
    underWay++
    const isRoom = channel.publish(exchange, key, content, options, () => {
      underWay--
      wake()
    })
    while (underWay >= window) await new Promise((resolve) => (wake = resolve))
    if (!isRoom) await new Promise((resolve) => channel.once('drain', resolve))
  }
  await channel.waitForConfirms()
  const seconds = (performance.now() - begun) / 1000
  for (const name of names) await channel.deleteQueue(name)
  await channel.deleteExchange(exchange)
  await connection.close()
  return count / seconds
}

/** Empties the queues that hear events. */
export const purge = async (url) => {
  const connection = await amqp.connect(url)
  const channel = await connection.createChannel()
  for (const { name } of eventQueuesOf(topologyFor({ version: '3.10.8', clustered: false })))
    await channel.purgeQueue(name)
  await connection.close()
}
