import { Fault, familyOf } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EventLog } from './event-log.js'
import { isInLog, type EventFilter } from './filters.js'
import { Follower } from './followers.js'
import { pageEvents } from './reader.js'
import { lastRevision, type RecordedEvent } from './recorded-event.js'

/** What a subscriber is sent, in order. */
export type Message =
  | { readonly kind: 'confirmation' }
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  | { readonly kind: 'checkpoint'; readonly position: bigint }
  | { readonly kind: 'caught_up' }

const confirmation: Message = { kind: 'confirmation' }
const caughtUp: Message = { kind: 'caught_up' }
const toMessage = (event: RecordedEvent): Message => ({ kind: 'event', event })

/** The stream was ended for good. */
export class StreamDeleted extends Error {
  constructor(readonly stream: string) {
    super(`Event stream '${stream}' is deleted.`)
  }
}

/**
 * First the confirmation, then every event of the log after a position, then each new one as it is committed: in order, without gaps or repeats, until
 * `signal` is aborted. `caught_up` comes once, when the end of the log is reached first. A reader that is slow holds one page.
 */
export async function* subscribeToAll(
  log: EventLog,
  request: { after: bigint | 'end'; filter: EventFilter | undefined; checkpointEvery: number },
  signal: AbortSignal,
): AsyncGenerator<Message[]> {
  const alarm = log.tail.listen()
  let position = request.after === 'end' ? log.tail.committed : request.after
  let taken = position
  const follower = log.followers.add(new Follower('all', () => log.tail.committed - taken))
  try {
    let isLive = request.after === 'end'
    let considered = 0
    let checkpoint = -1n
    let lastSent = -1n
    yield isLive ? [confirmation, caughtUp] : [confirmation]
    while (!signal.aborted) {
      const end = log.tail.committed
      const page = await patiently(signal, () => log.allForwards(position + 1n, pageEvents))
      const messages: Message[] = []
      for (const event of page) {
        position = event.position
        if (!isInLog(event)) continue
        if (request.filter?.(event) ?? true) {
          messages.push(toMessage(event))
          lastSent = event.position
        }
        if (request.filter && ++considered === request.checkpointEvery) {
          considered = 0
          checkpoint = position
          messages.push({ kind: 'checkpoint', position })
        }
      }
      const isAtEnd = position >= end
      if (!isLive && isAtEnd) {
        isLive = true
        if (request.filter && lastSent > checkpoint) {
          checkpoint = lastSent
          messages.push({ kind: 'checkpoint', position: lastSent })
        }
        messages.push(caughtUp)
      }
      if (messages.length > 0) yield messages
      taken = position
      follower.sent(page.at(-1)?.created)
      if (page.length > 0) continue
      follower.atEnd()
      await alarm.wait(signal)
      follower.atEnd()
    }
  } finally {
    log.followers.remove(follower)
    log.tail.unlisten(alarm)
  }
}

/**
 * Every visible event of a stream after a revision, then each new one, as in `subscribeToAll`.
 *
 * @throws StreamDeleted after the event that ended the stream; at once when it ended before, unless only new events are asked for
 */
export async function* subscribeToStream(
  log: EventLog,
  request: { stream: string; after: bigint | 'end' },
  signal: AbortSignal,
): AsyncGenerator<Message[]> {
  const { stream } = request
  const alarm = log.tail.listen(stream)
  let taken = 0n
  const follower = log.followers.add(new Follower('stream', () => lagBehind(log.lastOf(stream), taken)))
  try {
    let isLive = request.after === 'end'
    /** Up to here every event of the stream was offered; before catching up it is unknown. */
    let offeredUpTo = isLive ? log.tail.committed : -1n
    const view = await log.view(stream)
    if (view.tombstoned && !isLive) throw new StreamDeleted(stream)
    let revision = request.after === 'end' ? view.last : request.after
    taken = revision
    yield isLive ? [confirmation, caughtUp] : [confirmation]
    while (!signal.aborted) {
      const end = log.tail.committed
      const recent = offeredUpTo < 0n ? undefined : log.tail.after(offeredUpTo, Number.MAX_SAFE_INTEGER)
      const page =
        recent?.filter((event) => event.stream === stream && event.revision > revision) ??
        (await patiently(signal, async () =>
          isBeyond(revision) ? [] : log.streamForwards(await log.view(stream), revision + 1n),
        ))
      const isAtEnd = recent !== undefined || page.length === 0
      if (isAtEnd) offeredUpTo = end
      const messages = page.map(toMessage)
      revision = page.at(-1)?.revision ?? revision
      if (!isLive && isAtEnd) {
        isLive = true
        messages.push(caughtUp)
      }
      if (messages.length > 0) yield messages
      taken = revision
      follower.sent(page.at(-1)?.created)
      if (page.length > 0 && revision === lastRevision) throw new StreamDeleted(stream)
      if (isAtEnd && page.length === 0 && log.tail.committed === end) {
        follower.atEnd()
        await alarm.wait(signal)
        follower.atEnd()
        if (alarm.quietUntil > offeredUpTo) offeredUpTo = alarm.quietUntil
      }
    }
  } finally {
    log.followers.remove(follower)
    log.tail.unlisten(alarm, stream)
  }
}

/** Events of a stream after a revision. Of one that was ended by a tombstone, the tombstone alone is counted. */
const lagBehind = (last: bigint | undefined, revision: bigint): bigint => {
  if (last === undefined || last <= revision) return 0n
  return last === lastRevision ? 1n : last - revision
}

const isBeyond = (revision: bigint): boolean => revision >= lastRevision

/** A subscription outlives a PostgreSQL that goes away for a while: it asks again until the page is there. */
const patiently = async <T>(signal: AbortSignal, page: () => Promise<T[]>): Promise<T[]> => {
  for (;;) {
    try {
      return await page()
    } catch (error) {
      if (!(error instanceof Fault) || familyOf(error) !== 'unavailable') throw error
      if (signal.aborted) return []
      await sleep(250)
    }
  }
}
