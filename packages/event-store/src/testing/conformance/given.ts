import { randomUUID } from 'node:crypto'
import { jsonEvent, type EventStoreDBClient, type JSONEventData } from '@eventstore/db-client'

/** What one implementation promises beyond what all do; the reasons stand where a flag is asked. */
export type Promises = {
  /** An append to the stream `$$` is refused. The real server's process ends of it. */
  survivesTheStreamWithoutName: boolean
  /** Errors name streams with letters beyond ASCII. The real server fails such a call with UNKNOWN and no trailers. */
  namesStreamsInAnyLetters: boolean
  /** A tombstone's expectation, an unreadable regular expression and the like are INVALID_ARGUMENT, where the real server says UNKNOWN. */
  namesBadRequests: boolean
  /** Persistent subscriptions and projections are not served, and not announced. */
  servesStreamsOnly: boolean
}

/** The event store under question. The client is made when the first spec asks for it. */
export type Given = { url: string; client: () => EventStoreDBClient; promises: Promises }

/** Appends with credentials of their own take the classic call, all others the batch call. Both decide the same. */
export const ways = { 'in a batch': {}, classically: { credentials: { username: 'admin', password: 'changeit' } } }

export const freshStream = (prefix = 'order'): string => `conformance-${prefix}-${randomUUID()}`

/** An event whose data says `k`. */
export const anEvent = (k: string, id: string = randomUUID()): JSONEventData =>
  jsonEvent({ id, type: 'Tested', data: { k } })

export const events = (...ks: string[]): JSONEventData[] => ks.map((k) => anEvent(k))

type Resolved = { event?: { data: unknown; revision: bigint; type: string } | undefined }

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** `k#revision` of each event, or the type where there is no `k`. */
export const brief = async (answers: AsyncIterable<Resolved>): Promise<string[]> =>
  (await collect(answers)).flatMap(({ event }) => (event ? [labelOf(event)] : []))

export const labelOf = ({ data, revision, type }: NonNullable<Resolved['event']>): string =>
  `${(data as { k?: string } | undefined)?.k ?? type}#${revision}`

/** The name of the error that a call rejects with. */
export const failureOf = (call: Promise<unknown>): Promise<string> => errorOf(call).then(({ name }) => name)

/** What a call rejects with, as far as a caller can see it. */
export const errorOf = (call: Promise<unknown>): Promise<Record<string, unknown> & { name: string }> =>
  call.then(
    () => ({ name: 'no failure' }),
    (error: unknown) => ({ ...(error as Record<string, unknown>), name: (error as Error).constructor.name }),
  )
