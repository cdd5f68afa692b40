import { deadLetterQueueOf } from '@journey/contracts'
import type { Log, Part } from '@journey/runtime'
import type { Connection } from './connection.js'
import { createConsumer } from './consumer.js'
import { correlate } from './correlate.js'
import { readDeadLetter, type DeadLetter } from './dead-letter.js'
import type { BusMeters } from './meters.js'
import { observe } from './observe.js'
import { pipeline } from './pipeline.js'
import { deadReasons } from './verdict.js'

/** The part that empties the dead letters of one work queue. */
export type DeadLetterDrain = (queue: string) => Part

/**
 * Empties dead-letter queues: each letter is kept, then acknowledged, so that a crash between brings it again. One that cannot be
 * kept stays in its queue, and is tried again until it can.
 *
 * @param keep resolves once the letter is safe; must bear repeats
 */
export const createDeadLetterDrain = (options: {
  connection: Connection
  /** How many letters are read before the first is kept: `keep` may put them together. */
  prefetch?: number
  keep: (letter: DeadLetter) => Promise<void>
  now: () => Date
  meters: BusMeters
  log: Log
}): DeadLetterDrain => {
  const { connection, prefetch = 50, keep, now, meters, log } = options
  return (queue) => {
    // At 0 from the beginning: Prometheus' `increase` does not see the event that a series appears with.
    for (const reason of deadReasons) meters.deadLetters.inc({ queue, reason }, 0)
    return createConsumer({
      connection,
      queue: deadLetterQueueOf(queue),
      prefetch,
      log,
      meters,
      handler: pipeline(observe(meters), correlate(log), async (message) => {
        const letter = { ...readDeadLetter(message, now()), queue } // it came by this queue, whatever it says
        await keep(letter)
        meters.deadLetters.inc({ queue, reason: letter.reason })
        message.log.warn({ diedIn: queue, reason: letter.reason, code: letter.code }, 'dead letter kept')
      }),
    })
  }
}
