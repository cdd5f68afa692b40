import { anyFromStored, type Stored } from '@journey/contracts'
import type { Kysely } from 'kysely'
import type { Consumer } from '../gates/apply-batch.js'
import { orderedConsumer } from '../dead-letters/parked.js'
import type { Tables } from '../tables.js'
import type { Step } from './fold.js'
import { project } from './project.js'

/** The consumer that makes the read model; wherever it runs, its gates and parked streams are the same. */
export const readModelConsumer = (
  db: Kysely<Tables>,
  store: { readEach(stream: string, range: { from: number; maxCount: number }): AsyncIterable<Stored> },
): Consumer<Step> => ({
  db,
  name: orderedConsumer,
  project,
  readMissing: async function* (stream, from, to) {
    for await (const stored of store.readEach(stream, { from, maxCount: to - from + 1 })) {
      const event = anyFromStored(stored)
      if (event) yield event
    }
  },
})
