import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { messageOf, type Log } from '@journey/runtime'

/** Where PostgreSQL tells that a delivery was stored; the payload is the delivery's channel. A promise between versions. */
export const storedChannel = 'delivery_stored'

const mostDelayMs = 10_000

/**
 * Calls `heard` when a delivery was stored, by whatever process, and whenever it begins to listen, since what was stored until then is not
 * told. Holds a connection of its own until the signal comes; a lost one is replaced, so it never rejects.
 */
export const hearDeliveries = async ({
  url,
  name,
  heard,
  log,
  signal,
}: {
  url: string
  /** Shown in `pg_stat_activity`. */
  name: string
  heard: () => void
  log: Log
  signal: AbortSignal
}): Promise<void> => {
  for (let delayMs = 250; !signal.aborted; delayMs = Math.min(2 * delayMs, mostDelayMs)) {
    const client = new pg.Client({
      connectionString: url,
      application_name: name,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    })
    client.on('error', () => undefined) // its end follows; unheard, the event would end the process
    client.on('notification', heard)
    const lost = new Promise((resolve) => client.once('end', resolve))
    try {
      await client.connect()
      await client.query(`listen ${storedChannel}`)
      heard()
      delayMs = 250
      await Promise.race([lost, aborted(signal)])
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'what others store is not heard of')
    } finally {
      await client.end().catch(() => undefined)
    }
    await sleep(delayMs, undefined, { signal }).catch(() => undefined)
  }
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
