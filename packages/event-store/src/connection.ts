import { setTimeout as after } from 'node:timers/promises'
import { EventStoreDBClient } from '@eventstore/db-client'

/**
 * One client of the event store together with the calls that run on it, so that they can all be ended at once.
 *
 * The client dials when it is first used, and dials again by itself after most errors. It does not recover from a server
 * that accepts calls and never answers them, nor from an unexpected answer to its question for the server's features,
 * which it remembers; such a connection is closed and replaced as a whole.
 */
export class Connection {
  readonly client: EventStoreDBClient
  private readonly running = new Set<(reason: Error) => void>()

  constructor(url: string) {
    this.client = EventStoreDBClient.connectionString(url)
  }

  /** Notes a call that `end` can cut short; returns what strikes it off again. */
  track(end: (reason: Error) => void): () => void {
    this.running.add(end)
    return () => this.running.delete(end)
  }

  /** Waits for a call, no longer than the connection lives, and rejects with what `silence` tells after `limitMs`. */
  wait<T>(call: Promise<T>, limitMs: number, silence: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(silence()), limitMs)
      const end = (reason: Error) => {
        settled()
        reject(reason)
      }
      const untrack = this.track(end)
      const settled = () => {
        clearTimeout(timer)
        untrack()
      }
      call.then((value) => {
        settled()
        resolve(value)
      }, end)
    })
  }

  /** Ends every call with the reason and lets go of the server. */
  async close(reason: Error): Promise<void> {
    for (const end of [...this.running]) end(reason)
    await Promise.race([this.client.dispose(), after(disposeLimitMs, undefined, { ref: false })])
    // Protected, but the only way to the channel. Left open, it would let calls that still wait for the server's features
    // start another stream, whose end would later reject the appends of the next connection.
    // eslint-disable-next-line @typescript-eslint/dot-notation -- only so does TypeScript let a protected member be used
    void this.client['getChannel']().then((channel) => channel.close(), ignore)
  }
}

/** The client cancels its calls at once and then waits until each has ended; one that never says so must not hold us up. */
const disposeLimitMs = 1_000

const ignore = (): void => undefined
