import type { Channel } from 'amqplib'
import type { Connection } from './connection.js'
import { brokerFault } from './faults.js'

/**
 * Whether there is a queue of that name.
 *
 * @throws unavailable `broker/locked` for one that another connection has for itself, `broker/access_refused`, `broker/away`
 */
export const queueExists = async (connection: Connection, queue: string): Promise<boolean> => {
  try {
    await onChannel(connection, `looking at the queue ${queue}`, (channel) => channel.checkQueue(queue))
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'broker/not_found') return false
    throw error
  }
}

/** Binds a queue to an exchange. Safe to repeat. @throws unavailable `broker/not_found` when one of the two is missing, `broker/…` */
export const bindQueue = async (
  connection: Connection,
  queue: string,
  exchange: string,
  key: string,
): Promise<void> => {
  await onChannel(connection, `binding ${queue} to ${exchange}`, (channel) => channel.bindQueue(queue, exchange, key))
}

/** Takes a binding away; one that is not there is none. @throws unavailable `broker/…` */
export const unbindQueue = async (
  connection: Connection,
  queue: string,
  exchange: string,
  key: string,
): Promise<void> => {
  try {
    await onChannel(connection, `unbinding ${queue} from ${exchange}`, (channel) =>
      channel.unbindQueue(queue, exchange, key),
    )
  } catch (error) {
    if ((error as { code?: string }).code !== 'broker/not_found') throw error
  }
}

/** On a channel of its own, since the broker closes it over every no. */
export const onChannel = async <T>(
  connection: Connection,
  doing: string,
  work: (channel: Channel) => Promise<T>,
): Promise<T> => {
  const open = await connection.channel()
  try {
    return await work(open.channel)
  } catch (error) {
    throw brokerFault(error, doing)
  } finally {
    await open.close()
  }
}
