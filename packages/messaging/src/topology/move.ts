import { unavailable } from '@journey/runtime'
import type { ConsumeMessage, Options } from 'amqplib'
import type { Connection } from '../connection.js'
import { brokerFault } from '../faults.js'
import { sleep } from '../waiting.js'

const prefetch = 200
const lookEveryMs = 100

/**
 * Moves a queue's messages to other queues, in order, until it is empty: each is confirmed there before it is acknowledged here, so
 * a crash moves some twice and loses none. Consumers of the queue take their share meanwhile; the one active consumer of an ordered
 * queue takes all.
 *
 * Messages stay as they are, but for what would act a second time: `CC`, `BCC`, `user_id` and the broker's count of deliveries. A
 * queue's time to live begins anew.
 *
 * @param to names the queue that a message goes to
 * @param patienceMs how long a queue may stay as it is, with messages that its consumers neither handle nor give back
 * @returns how many were moved
 * @throws unavailable `topology/queue_held` then; `broker/…`: go on by moving again
 */
export const moveMessages = async ({
  connection,
  from,
  to,
  patienceMs = 30_000,
}: {
  connection: Connection
  from: string
  to: (message: ConsumeMessage) => string
  patienceMs?: number
}): Promise<number> => {
  const reading = await connection.channel()
  const writing = await connection.confirmChannel()
  let inHand = 0
  let moved = 0
  let failure: unknown

  writing.channel.on('return', ({ fields }) => {
    failure ??= unavailable('broker/unroutable', `The queue ${fields.routingKey} is not there. Apply again.`)
  })
  const move = (message: ConsumeMessage): void => {
    inHand++
    writing.channel.publish('', to(message), message.content, asItIs(message), (error: unknown) => {
      if (error) failure ??= brokerFault(error, `moving a message of ${from}`)
      if (failure !== undefined || !reading.isOpen) return
      reading.channel.ack(message)
      inHand--
      moved++
    })
  }

  try {
    await reading.channel.prefetch(prefetch)
    await reading.channel.consume(from, (message) => message && failure === undefined && move(message))
    for (let waited = 0, before = ''; ; waited += lookEveryMs) {
      await sleep(lookEveryMs)
      if (failure !== undefined) throw brokerFault(failure, `moving the messages of ${from}`)
      for (const open of [reading, writing]) if (!open.isOpen) throw await open.closed
      const { messageCount } = await reading.channel.checkQueue(from)
      if (messageCount === 0 && inHand === 0) return moved
      const now = `${messageCount} ${moved}`
      if (now !== before) [waited, before] = [0, now]
      if (waited > patienceMs) throw heldQueue(from, messageCount)
    }
  } catch (error) {
    throw brokerFault(error, `moving the messages of ${from}`)
  } finally {
    await reading.close() // what is not acknowledged goes back
    await writing.close()
  }
}

export const heldQueue = (queue: string, messages: number | string) =>
  unavailable(
    'topology/queue_held',
    `The consumers of ${queue} hold ${messages} of its messages and neither handle them nor give them back. Nothing is lost: see in their /ready what they wait for, or stop them, and apply again.`,
  )

const leftBehind = ['userId', 'clusterId', 'headers']
const headersLeftBehind = ['CC', 'BCC', 'x-delivery-count']

const asItIs = ({ properties }: ConsumeMessage): Options.Publish => {
  const without = (names: readonly string[], values: object) =>
    Object.fromEntries(
      Object.entries(values).filter(([name, value]) => value !== undefined && !names.includes(name)),
    ) as Record<string, unknown>
  const headers = without(headersLeftBehind, properties.headers ?? {})
  return { ...without(leftBehind, properties), headers, persistent: true, mandatory: true }
}
