import pg from 'pg'
import { unavailable } from '@journey/runtime'
import { Followers } from './followers.js'
import { namesBehind, noHead, viewOf, type Heads, type StreamView } from './heads.js'
import { targetOf, unresolved, type Delivery } from './links.js'
import { connectionConfig, isRefusal } from './postgres-session.js'
import {
  allBackwards,
  allForwards,
  eventsAt,
  loadHeads,
  pageEvents,
  streamBackwards,
  streamForwards,
} from './reader.js'
import { lastRevision, type RecordedEvent } from './recorded-event.js'
import { firstVisibleRevision, oldestVisibleTime } from './stream-metadata.js'
import type { Tail } from './tail.js'

/** Enough for both cores to be busy; more readers wait their turn. */
const readers = 6

/**
 * What is committed, as readers see it: pages of the log and of streams, from memory where the tail still has them, else from
 * PostgreSQL. Everything rejects with `unavailable event_store_node/database_away` while PostgreSQL is away.
 */
export class EventLog {
  readonly #pool: pg.Pool
  /** Who follows the log or a stream. */
  readonly followers = new Followers()

  constructor(
    databaseUrl: string,
    private readonly heads: Heads,
    readonly tail: Tail,
  ) {
    this.#pool = new pg.Pool({ ...connectionConfig(databaseUrl, 'event store node: reader'), max: readers })
    this.#pool.on('error', () => undefined) // an idle connection broke; the pool makes a new one when it is asked
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async view(stream: string): Promise<StreamView> {
    const heads = await this.heads.get(namesBehind(stream), (names) => this.#ask(() => loadHeads(this.#pool, names)))
    return viewOf(stream, (name) => heads.get(name) ?? noHead)
  }

  /** Revision of a stream's last event, as far as it is in memory. */
  lastOf(stream: string): bigint | undefined {
    return this.heads.peek(stream)?.last
  }

  /** Events of the log forwards from `position`, which is included. An empty page is the end. */
  async allForwards(position: bigint, limit = pageEvents): Promise<RecordedEvent[]> {
    return this.tail.after(position - 1n, limit) ?? this.#ask(() => allForwards(this.#pool, position, limit))
  }

  /** Events of the log backwards from `position`, which is not included. */
  allBackwards(position: bigint, limit = pageEvents): Promise<RecordedEvent[]> {
    return this.#ask(() => allBackwards(this.#pool, position, limit))
  }

  /** Visible events of a stream forwards from revision `from`, which is included. */
  async streamForwards(view: StreamView, from: bigint, limit = pageEvents): Promise<RecordedEvent[]> {
    return view.id === undefined ? [] : this.#ask(() => streamForwards(this.#pool, view, from, Date.now(), limit))
  }

  /** Visible events of a stream backwards from revision `from`, which is included. */
  async streamBackwards(view: StreamView, from: bigint, limit = pageEvents): Promise<RecordedEvent[]> {
    return view.id === undefined ? [] : this.#ask(() => streamBackwards(this.#pool, view, from, Date.now(), limit))
  }

  /** Follows the links among these events. A target that is missing, deleted or truncated leaves the link alone. */
  async resolve(events: readonly RecordedEvent[]): Promise<Delivery[]> {
    const targets = events.map(targetOf)
    const wanted = targets.filter((target) => target !== undefined)
    if (wanted.length === 0) return events.map(unresolved)
    const found = await this.#ask(() => eventsAt(this.#pool, wanted))
    const byPlace = new Map(found.map((event) => [`${event.revision}@${event.stream}`, event]))
    const views = new Map<string, StreamView>()
    for (const { stream } of found) if (!views.has(stream)) views.set(stream, await this.view(stream))
    return events.map((event, index) => {
      const target = targets[index]
      if (!target) return unresolved(event)
      const pointedTo = byPlace.get(`${target.revision}@${target.stream}`)
      const view = views.get(target.stream)
      return { link: event, event: pointedTo && view && isVisible(pointedTo, view) ? pointedTo : undefined }
    })
  }

  async #ask<T>(query: () => Promise<T>): Promise<T> {
    try {
      return await query()
    } catch (error) {
      if (isRefusal(error)) throw error
      throw unavailable(
        'event_store_node/database_away',
        'Server Is Not Ready: its PostgreSQL does not answer. Repeat a little later.',
        error,
      )
    }
  }
}

const isVisible = (event: RecordedEvent, view: StreamView): boolean =>
  !view.tombstoned &&
  event.revision !== lastRevision &&
  event.revision >= firstVisibleRevision(view.metadata, view.last) &&
  event.created >= oldestVisibleTime(view.metadata, Date.now())
