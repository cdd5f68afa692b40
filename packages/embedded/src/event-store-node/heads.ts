import {
  isSoftDeleted,
  metadataOfMetastreams,
  noMetadata,
  parseMetadata,
  type StreamMetadata,
} from './stream-metadata.js'
import { lastRevision, metastreamOf, originalOf, type RecordedEvent } from './recorded-event.js'
import type { StreamState } from './decide-append.js'

/** The end of one stream. A stream that was never written has neither id nor events. */
export type Head = {
  readonly id: bigint | undefined
  /** Revision of the last event, -1 when there is none, `lastRevision` when the stream is tombstoned. */
  readonly last: bigint
  /** Of a metastream: its last event, which is the whole truth about its stream. */
  readonly content?: { readonly data: Uint8Array; readonly metadata: StreamMetadata }
}

export const noHead: Head = { id: undefined, last: -1n }

type LastEvent = Pick<RecordedEvent, 'stream' | 'revision' | 'isJson' | 'data'>

export const headAfter = (id: bigint, { stream, revision, isJson, data }: LastEvent): Head =>
  originalOf(stream) === undefined
    ? { id, last: revision }
    : { id, last: revision, content: { data, metadata: parseMetadata(isJson, data) } }

/** What is visible of one stream, and how an append to it is judged. */
export type StreamView = StreamState & { readonly id: bigint | undefined; readonly metadata: StreamMetadata }

/** The names whose heads make up the view of a stream: its own, its metastream's, and its original's. */
export const namesBehind = (stream: string): string[] => {
  const original = originalOf(stream)
  return original === undefined ? [stream, metastreamOf(stream)] : [stream, metastreamOf(stream), original]
}

export const viewOf = (stream: string, headOf: (name: string) => Head): StreamView => {
  const head = headOf(stream)
  const original = originalOf(stream)
  const metastream = headOf(metastreamOf(stream))
  const metadata = original === undefined ? (metastream.content?.metadata ?? noMetadata) : metadataOfMetastreams
  return {
    id: head.id,
    last: head.last,
    tombstoned: head.last === lastRevision || (original !== undefined && headOf(original).last === lastRevision),
    softDeleted: isSoftDeleted(metadata),
    hasMetadata: metastream.last >= 0n,
    metadata,
  }
}

/** Where heads come from when they are not in memory. Returns a head for each name asked for. */
export type LoadHeads = (names: readonly string[]) => Promise<Map<string, Head>>

/**
 * The heads of recently used streams, as of the last commit. Bounded: the least recently used are forgotten and read again
 * when asked for.
 */
export class Heads {
  readonly #known = new Map<string, Head>()
  readonly #loading = new Map<string, object>()

  constructor(private readonly capacity: number) {}

  clear(): void {
    this.#known.clear()
    this.#loading.clear()
  }

  /** Called after a commit, so that readers see what writers were told. */
  set(name: string, head: Head): void {
    this.#loading.delete(name) // a load under way may have read the state before this commit
    this.#keep(name, head)
  }

  /** What is known without asking; being looked at does not count as being used. */
  peek(name: string): Head | undefined {
    return this.#known.get(name)
  }

  /** All heads asked for, from memory or through `load`. */
  async get(names: readonly string[], load: LoadHeads): Promise<Map<string, Head>> {
    const found = new Map<string, Head>()
    const missing: string[] = []
    for (const name of names) {
      const head = this.#known.get(name)
      if (head) {
        this.#keep(name, head)
        found.set(name, head)
      } else if (!missing.includes(name)) missing.push(name)
    }
    if (missing.length === 0) return found
    const ticket = {}
    for (const name of missing) this.#loading.set(name, ticket)
    for (const [name, head] of await load(missing)) {
      found.set(name, head)
      if (this.#loading.get(name) !== ticket) continue
      this.#loading.delete(name)
      this.#keep(name, head)
    }
    return found
  }

  #keep(name: string, head: Head): void {
    this.#known.delete(name)
    this.#known.set(name, head)
    if (this.#known.size <= this.capacity) return
    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
  }
}
