import { EventStoreDBClient } from '@eventstore/db-client'
import fc from 'fast-check'
import { appending } from './appending.js'
import type { Promises } from './given.js'
import { histories, play } from './history.js'
import { idempotency } from './idempotency.js'
import { reading } from './reading.js'
import { removing } from './removing.js'
import { serving } from './serving.js'
import { subscribing } from './subscribing.js'

/** What the event store node of this project promises. */
export const ourNode: Promises = {
  survivesTheStreamWithoutName: true,
  namesStreamsInAnyLetters: true,
  namesBadRequests: true,
  servesStreamsOnly: true,
}

/** What EventStoreDB promises. */
export const eventStoreDb: Promises = {
  survivesTheStreamWithoutName: false,
  namesStreamsInAnyLetters: false,
  namesBadRequests: false,
  servesStreamsOnly: false,
}

/**
 * States how an event store behaves, as @eventstore/db-client sees it, and holds the one at `url` to it. The store may hold anything
 * already and serve others meanwhile; what is written stays there, in streams named `conformance-…`.
 *
 * @param histories how many random histories are compared with the model
 */
export const conformance = (store: { url: string; promises: Promises; histories: number }): void => {
  describe('an event store', function () {
    this.timeout(120_000)
    let made: EventStoreDBClient | undefined
    const client = (): EventStoreDBClient => (made ??= EventStoreDBClient.connectionString(store.url))
    after(() => made?.dispose())
    const given = { url: store.url, client, promises: store.promises }

    appending(given)
    idempotency(given)
    reading(given)
    describe('subscribed to', () => subscribing(given))
    removing(given)
    serving(given)

    it('answers random histories as the model does', async function () {
      this.timeout(0)
      const seed = Date.now() & 0x7fffffff
      console.log(`      ${store.histories} histories, seed ${seed}`)
      const property = fc.asyncProperty(histories(25), (steps) => play(client(), steps))
      await fc.assert(property, { numRuns: store.histories, seed, interruptAfterTimeLimit: 600_000 })
    })
  })
}
