import { setTimeout as sleep } from 'node:timers/promises'
import type { FoundQueue, Management } from '@journey/messaging'
import { unavailable } from '@journey/runtime'

/** A queue as the broker's management API tells of it: up to 5 s old. Rates are per second; 0 where it has none yet. */
export type QueueFigures = {
  queue: string
  ready: number
  unacknowledged: number
  consumers: number
  publish_rate: number
  deliver_rate: number
  ack_rate: number
}

/** Every queue of the virtual host, and when the broker told of them. */
export type QueuesTold = { asked_at: string; items: QueueFigures[] }

/** @throws unavailable `broker/management_away`, `broker/access_refused` */
export type ReadQueues = () => Promise<QueuesTold>

/** A busy broker takes its time to tell, just when its figures matter most: what it told last is told until then, with its time. */
const patienceMs = 150
const trueForMs = 60_000

/**
 * Asks one question at a time, however slow the answer is.
 *
 * @param management undefined where no address of it is known
 */
export const createReadQueues = (
  management: Pick<Management, 'queues'> | undefined,
  now: () => number = Date.now,
): ReadQueues => {
  let last: QueuesTold | undefined
  let asking: Promise<QueuesTold> | undefined

  const ask = async (): Promise<QueuesTold> => {
    if (!management)
      throw unavailable('broker/management_away', 'RABBITMQ_MANAGEMENT_URL is not set: queues cannot be seen')
    const asked_at = new Date(now()).toISOString()
    last = { asked_at, items: (await management.queues()).map(figuresOf) }
    return last
  }

  return async () => {
    asking ??= ask().finally(() => (asking = undefined))
    if (!last || now() - Date.parse(last.asked_at) > trueForMs) return asking
    asking.catch(() => undefined) // it may fail when nobody waits for it any more
    return Promise.race([asking, sleep(patienceMs, last)])
  }
}

const figuresOf = ({ name, messages_ready, messages_unacknowledged, consumers, message_stats = {} }: FoundQueue) => ({
  queue: name,
  ready: messages_ready ?? 0,
  unacknowledged: messages_unacknowledged ?? 0,
  consumers: consumers ?? 0,
  publish_rate: message_stats.publish_details?.rate ?? 0,
  deliver_rate: message_stats.deliver_get_details?.rate ?? 0,
  ack_rate: message_stats.ack_details?.rate ?? 0,
})
