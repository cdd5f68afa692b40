/** An event as a client proposes it: nothing is fixed yet but its id and content. */
export type ProposedEvent = {
  /** Lower-case, dashed uuid. */
  readonly id: string
  readonly type: string
  readonly isJson: boolean
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** An event that is committed: it has its place in its stream and in the log, and never changes again. */
export type RecordedEvent = ProposedEvent & {
  /** Place in the log of everything: rises by one with each event, in the order of commits. */
  readonly position: bigint
  readonly stream: string
  readonly revision: bigint
  /** When it was written, in ticks of 100 ns since 1970. Never falls from one event to the next. */
  readonly created: bigint
}

/** The revision of the event that ends a stream for good; also what `$tb` is set to by a soft delete. */
export const lastRevision = 2n ** 63n - 1n

/** The stream that holds the metadata of a stream. */
export const metastreamOf = (stream: string): string => `$$${stream}`

/** The stream whose metadata a metastream holds; undefined when the stream is not a metastream. */
export const originalOf = (stream: string): string | undefined =>
  stream.startsWith('$$') ? stream.slice(2) : undefined
