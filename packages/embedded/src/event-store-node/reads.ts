import type { EventFilter } from './filters.js'
import { isInLog } from './filters.js'
import type { EventLog } from './event-log.js'
import type { StreamView } from './heads.js'
import { pageEvents } from './reader.js'
import { lastRevision, type RecordedEvent } from './recorded-event.js'

export type Direction = 'forwards' | 'backwards'

/** The log from a position: forwards it is included, backwards it is not. Ends after `count` events, or with the log. */
export async function* readAll(
  log: EventLog,
  request: { direction: Direction; position: bigint; count: bigint; filter: EventFilter | undefined },
): AsyncGenerator<RecordedEvent[]> {
  let { position, count } = request
  while (count > 0n) {
    const limit = request.filter ? pageEvents : pageSize(count)
    const page = await (request.direction === 'forwards'
      ? log.allForwards(position, limit)
      : log.allBackwards(position, limit))
    const last = page.at(-1)
    if (!last) return
    position = request.direction === 'forwards' ? last.position + 1n : last.position
    const wanted = page.filter((event) => isInLog(event) && (request.filter?.(event) ?? true)).slice(0, toLimit(count))
    count -= BigInt(wanted.length)
    if (wanted.length > 0) yield wanted
  }
}

/** A stream's visible events from a revision, which is included. Ends after `count` events, or with the stream. */
export async function* readStream(
  log: EventLog,
  view: StreamView,
  request: { direction: Direction; revision: bigint; count: bigint },
): AsyncGenerator<RecordedEvent[]> {
  let { revision, count } = request
  while (count > 0n && revision >= 0n && revision <= lastRevision) {
    const page = await (request.direction === 'forwards'
      ? log.streamForwards(view, revision, pageSize(count))
      : log.streamBackwards(view, revision, pageSize(count)))
    const last = page.at(-1)
    if (!last) return
    yield page
    count -= BigInt(page.length)
    revision = request.direction === 'forwards' ? last.revision + 1n : last.revision - 1n
  }
}

const toLimit = (count: bigint): number => (count < 1_000_000n ? Number(count) : 1_000_000)
const pageSize = (count: bigint): number => Math.min(toLimit(count), pageEvents)
