import { randomUUID } from 'node:crypto'
import type { EventStore, NewEvent } from '../index.js'

/** The name of a stream that nobody has written to: `<prefix>-<uuid>`. */
export const freshStream = (prefix: string): string => `${prefix}-${randomUUID()}`

/** A small event with a new id. */
export const anEvent = (changes: Partial<NewEvent> = {}): NewEvent => ({
  id: randomUUID(),
  type: 'SomethingHappened',
  data: {},
  metadata: {},
  ...changes,
})

/** A whole stream as the types of its events. */
export const typesIn = async (store: EventStore, stream: string): Promise<string[]> =>
  (await store.read(stream)).map(({ type }) => type)
