import type { ConsumeMessage } from 'amqplib'
import { Gauge, type Registry } from 'prom-client'

/** What one consumer has taken on one channel and not settled yet. */
export type Hand = {
  take(delivery: ConsumeMessage): void
  settled(delivery: ConsumeMessage): void
  /** The channel is gone: the broker delivers what was not settled again. */
  close(): void
}

/**
 * The messages that a process has taken and not settled yet, by queue. The oldest one in hand tells how far a consumer is behind, since
 * a queue hands out its oldest first; nothing in hand is no lag. A queue that is not consumed now is not told of.
 */
export const createInHand = (registry: Registry): { open(queue: string): Hand } => {
  const hands = new Map<string, Set<Map<ConsumeMessage, number>>>()

  const gauge = (name: string, help: string, valueOf: (since: readonly number[]) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['queue'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [queue, open] of hands) this.set({ queue }, valueOf([...open].flatMap((held) => [...held.values()])))
      },
    })
  gauge(
    'journey_bus_lag_seconds',
    'Age of the oldest message that was taken from a queue and is not settled yet, by its timestamp (whole seconds); 0 for none',
    (since) => since.reduce((most, at) => Math.max(most, (Date.now() - at) / 1000), 0),
  )
  gauge(
    'journey_bus_in_hand_count',
    'Messages that were taken from a queue and are not settled yet',
    ({ length }) => length,
  )

  return {
    open: (queue) => {
      const held = new Map<ConsumeMessage, number>()
      const open = hands.get(queue) ?? new Set()
      hands.set(queue, open.add(held))
      return {
        take: (delivery) => void held.set(delivery, publishedAt(delivery)),
        settled: (delivery) => void held.delete(delivery),
        close: () => {
          open.delete(held)
          if (open.size === 0 && hands.get(queue) === open) hands.delete(queue)
        },
      }
    },
  }
}

/** The latest moment that the whole seconds of the property stand for, so that a lag that is told is one. */
const publishedAt = ({ properties: { timestamp } }: ConsumeMessage): number =>
  typeof timestamp === 'number' ? Math.min(Date.now(), timestamp * 1000 + 999) : Date.now()
