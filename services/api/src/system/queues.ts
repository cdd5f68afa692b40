import { unavailable } from '@journey/runtime'

/** A queue as the broker's management API tells of it: up to 5 s old. Rates per second; null where it has none yet. */
export type QueueFigures = {
  queue: string
  ready: number
  unacknowledged: number
  consumers: number
  publish_rate: number
  deliver_rate: number
  ack_rate: number
}

/** @throws unavailable `broker/management_away` */
export type ReadQueues = () => Promise<QueueFigures[]>

type Told = {
  name: string
  messages_ready?: number
  messages_unacknowledged?: number
  consumers?: number
  message_stats?: Record<string, { rate?: number } | undefined>
}

const columns = ['name', 'messages_ready', 'messages_unacknowledged', 'consumers', 'message_stats'].join(',')
const answerLimitMs = 2_000

/**
 * Asks the management API for every queue of the virtual host.
 *
 * @param managementUrl `http://user:password@host:port`, or several of one cluster with commas between; without a user, that of `amqpUrl`
 */
export const createReadQueues = (managementUrl: string | undefined, amqpUrl: string): ReadQueues => {
  if (managementUrl === undefined)
    return () =>
      Promise.reject(unavailable('broker/management_away', 'RABBITMQ_MANAGEMENT_URL is not set: queues cannot be seen'))
  const addresses = managementUrl.split(',').map((address) => new URL(address))
  const bus = new URL(amqpUrl.split(/,(?=amqps?:)/)[0]!)
  const vhost = encodeURIComponent(decodeURIComponent(bus.pathname.slice(1)) || '/')
  const ask = async (address: URL): Promise<Told[]> => {
    const { username, password } = address.username ? address : bus
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    const response = await fetch(`${address.origin}/api/queues/${vhost}?columns=${columns}`, {
      headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
      signal: AbortSignal.timeout(answerLimitMs),
    })
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    return (await response.json()) as Told[]
  }
  return async () => {
    let failure: unknown
    for (const address of addresses) {
      try {
        return (await ask(address)).map(figuresOf)
      } catch (error) {
        failure = error
      }
    }
    throw unavailable('broker/management_away', `The management API of RabbitMQ does not answer`, failure)
  }
}

const figuresOf = ({ name, messages_ready, messages_unacknowledged, consumers, message_stats = {} }: Told) => ({
  queue: name,
  ready: messages_ready ?? 0,
  unacknowledged: messages_unacknowledged ?? 0,
  consumers: consumers ?? 0,
  publish_rate: message_stats.publish_details?.rate ?? 0,
  deliver_rate: message_stats.deliver_get_details?.rate ?? 0,
  ack_rate: message_stats.ack_details?.rate ?? 0,
})
