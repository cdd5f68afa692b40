import { headAfter, noHead, viewOf, type Head, type StreamView } from './heads.js'
import type { KnownIds } from './decide-append.js'
import type { ProposedEvent, RecordedEvent } from './recorded-event.js'

export type StoredId = {
  readonly streamId: bigint
  readonly id: string
  readonly revision: bigint
  readonly position: bigint
}

/**
 * One group of appends being decided: what was committed before, and what the group has added so far. Nothing of it counts
 * until it is committed; a draft that fails is thrown away whole.
 */
export class Draft {
  readonly events: RecordedEvent[] = []
  readonly streamIds: bigint[] = []
  readonly newStreams: { id: bigint; name: string }[] = []
  readonly heads = new Map<string, Head>()
  readonly #ids = new Map<string, StoredId[]>()

  constructor(
    private readonly before: {
      readonly heads: ReadonlyMap<string, Head>
      readonly position: bigint
      readonly greatestStreamId: bigint
      /** The time that all events of the group get. */
      readonly created: bigint
    },
    known: readonly StoredId[],
  ) {
    for (const stored of known) this.#remember(stored)
  }

  /** Position of the last event so far. */
  get position(): bigint {
    return this.before.position + BigInt(this.events.length)
  }

  readonly headOf = (name: string): Head => this.heads.get(name) ?? this.before.heads.get(name) ?? noHead

  view(stream: string): StreamView {
    return viewOf(stream, this.headOf)
  }

  /** Adds events to the end of a stream. The first gets revision `from`, or follows the stream's last event. */
  append(stream: string, proposed: readonly ProposedEvent[], from?: bigint): void {
    if (proposed.length === 0) return // a stream begins with its first event, not with an append of none
    const head = this.headOf(stream)
    const id = head.id ?? this.#newStream(stream)
    let revision = from ?? head.last + 1n
    for (const { id: eventId, type, isJson, data, metadata } of proposed) {
      const position = this.position + 1n
      const { created } = this.before
      const event = { position, stream, revision, id: eventId, type, isJson, created, data, metadata }
      this.events.push(event)
      this.streamIds.push(id)
      this.heads.set(stream, headAfter(id, event))
      this.#remember({ streamId: id, id: eventId, revision, position })
      revision++
    }
  }

  /** What the stream knows of ids: those looked up before the group was decided, and those the group has added. */
  idsOf(stream: string): KnownIds & { positionAt(id: string, revision: bigint): bigint | undefined } {
    const streamId = this.headOf(stream).id
    const stored = (id: string) => (streamId === undefined ? [] : (this.#ids.get(`${streamId} ${id}`) ?? []))
    return {
      revisionOf: (id) =>
        stored(id).reduce<bigint | undefined>(
          (m, { revision }) => (m !== undefined && m > revision ? m : revision),
          undefined,
        ),
      isAt: (id, revision) => stored(id).some((one) => one.revision === revision),
      positionAt: (id, revision) => stored(id).find((one) => one.revision === revision)?.position,
    }
  }

  #newStream(name: string): bigint {
    const id = this.before.greatestStreamId + BigInt(this.newStreams.length) + 1n
    this.newStreams.push({ id, name })
    return id
  }

  #remember(stored: StoredId): void {
    const key = `${stored.streamId} ${stored.id}`
    const others = this.#ids.get(key)
    if (others) others.push(stored)
    else this.#ids.set(key, [stored])
  }
}
