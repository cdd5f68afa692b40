import { codeOf, messageOf, unavailable } from '@journey/runtime'

/** What stands on the broker, in one virtual host, as its management API tells. */
export interface Management {
  exchanges(): Promise<FoundExchange[]>
  queues(): Promise<FoundQueue[]>
  bindings(): Promise<FoundBinding[]>
  /** The nodes of the cluster, those that are down included; one for a broker that stands alone. */
  nodes(): Promise<{ name: string; running: boolean }[]>
}

export type FoundExchange = { name: string; type: string; durable: boolean }

export type FoundQueue = {
  name: string
  type: string
  durable: boolean
  exclusive: boolean
  arguments: Record<string, unknown>
  /** Ready, unacknowledged and consumers: up to 5 s old, and not there in the first seconds of a queue. */
  messages_ready?: number
  messages_unacknowledged?: number
  consumers?: number
  /** Rates of the last 5 s, per second, of what has happened to the queue at all. */
  message_stats?: Partial<Record<`${'publish' | 'deliver_get' | 'ack'}_details`, { rate: number }>>
}

/** A binding of a queue to an exchange; the default exchange's are left out. */
export type FoundBinding = { exchange: string; queue: string; key: string }

const answerLimitMs = 10_000

/** What is asked for of a queue: the whole of it is many times as much. */
const queueColumns = [
  ...['name', 'type', 'durable', 'exclusive', 'arguments', 'messages_ready', 'messages_unacknowledged', 'consumers'],
  ...['publish', 'deliver_get', 'ack'].map((what) => `message_stats.${what}_details.rate`),
].join(',')

/**
 * @param url `http://user:password@host:port`, or several of one cluster with commas between: the next one is asked when one does
 *   not answer. Without a user, that of `amqpUrl` is taken
 * @param amqpUrl names the virtual host
 * @throws (each method) unavailable `broker/management_away`, `broker/access_refused`
 */
export const createManagement = ({ url, amqpUrl }: { url: string; amqpUrl: string }): Management => {
  const addresses = url.split(',').map((one) => new URL(one))
  const bus = new URL(amqpUrl.split(/,(?=amqps?:)/)[0]!)
  const vhost = encodeURIComponent(decodeURIComponent(bus.pathname.slice(1)) || '/')

  const ask = async <T>(path: string): Promise<T> => {
    let failure: unknown
    for (const address of addresses) {
      try {
        return await askAt<T>(address, bus, path)
      } catch (error) {
        if (codeOf(error) === 'broker/access_refused') throw error
        failure = error
      }
    }
    throw unavailable(
      'broker/management_away',
      `The management API of RabbitMQ does not answer ${path}: ${messageOf(failure)}. Start it (rabbitmq-plugins enable rabbitmq_management), and name it with RABBITMQ_MANAGEMENT_URL.`,
      failure,
    )
  }

  return {
    exchanges: () => ask(`/api/exchanges/${vhost}`),
    queues: () => ask(`/api/queues/${vhost}?columns=${queueColumns}`),
    bindings: async () => {
      const all = await ask<Record<string, string>[]>(`/api/bindings/${vhost}`)
      return all
        .filter(({ source, destination_type }) => source !== '' && destination_type === 'queue')
        .map(({ source, destination, routing_key }) => ({ exchange: source!, queue: destination!, key: routing_key! }))
    },
    nodes: () => ask('/api/nodes?columns=name,running'),
  }
}

const askAt = async <T>(address: URL, bus: URL, path: string): Promise<T> => {
  const { username, password } = address.username ? address : bus
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const response = await fetch(address.origin + path, {
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    signal: AbortSignal.timeout(answerLimitMs),
  })
  if (response.status === 401 || response.status === 403)
    throw unavailable(
      'broker/access_refused',
      `The management API refuses the user ${decodeURIComponent(username)} at ${path}. Check user, password and tags (monitoring at least).`,
    )
  if (!response.ok) throw new Error(`it answered ${response.status}`)
  return (await response.json()) as T
}
