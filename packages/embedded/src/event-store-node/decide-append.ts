/** What a writer expects a stream to be: a number is the revision of its last event. */
export type Expected = 'any' | 'no_stream' | 'stream_exists' | bigint

/** What must be known of a stream to judge an append. */
export type StreamState = {
  /** Revision of the last event ever written, -1 when there is none. Truncation and soft delete do not lower it. */
  readonly last: bigint
  readonly tombstoned: boolean
  readonly softDeleted: boolean
  /** Its metastream has an event. */
  readonly hasMetadata: boolean
}

/** Which of the proposed ids the stream already has. */
export type KnownIds = {
  /** The greatest revision at which the id stands in this stream. */
  revisionOf(id: string): bigint | undefined
  isAt(id: string, revision: bigint): boolean
}

export type Decision =
  | { readonly kind: 'append' }
  /** All of it was written before; `revision` is that of the last event given. */
  | { readonly kind: 'repeated'; readonly revision: bigint }
  | { readonly kind: 'wrong_version' }
  | { readonly kind: 'deleted' }

/**
 * Judges an append by EventStoreDB's rules for expected revisions and idempotency (`esdb-protocol.md`, 3.3; each row is held
 * against a real server by the probe). An append without events passes the version check only.
 */
export const decideAppend = (
  expected: Expected,
  ids: readonly string[],
  stream: StreamState,
  known: KnownIds,
): Decision => {
  if (stream.tombstoned) return deleted
  switch (expected) {
    case 'any':
      return byIds(ids, known)
    case 'stream_exists':
      if (stream.softDeleted) return deleted
      return stream.last < 0n && !stream.hasMetadata ? wrongVersion : byIds(ids, known)
    case 'no_stream':
      if (stream.last < 0n) return append
      if (stream.softDeleted && ids[0] !== undefined && !known.isAt(ids[0], 0n)) return append
      return bySequence(ids, 0n, known)
    default:
      if (expected === stream.last) return append
      return expected > stream.last ? wrongVersion : bySequence(ids, expected + 1n, known)
  }
}

/**
 * Judges a delete or tombstone: the version check of an append whose id is never known. A stream that has neither events nor
 * metadata cannot be soft-deleted.
 */
export const decideRemoval = (kind: 'delete' | 'tombstone', expected: Expected, stream: StreamState): Decision => {
  const decision = decideAppend(expected, ['new'], stream, { revisionOf: () => undefined, isAt: () => false })
  const absent = stream.last < 0n && !stream.hasMetadata
  return kind === 'delete' && absent && decision.kind === 'append' ? wrongVersion : decision
}

const append: Decision = { kind: 'append' }
const wrongVersion: Decision = { kind: 'wrong_version' }
const deleted: Decision = { kind: 'deleted' }

/** Neither order nor adjacency matters: only the first id says whether this is a repetition. */
const byIds = (ids: readonly string[], known: KnownIds): Decision => {
  if (ids[0] === undefined || known.revisionOf(ids[0]) === undefined) return append
  const revisions = ids.map((id) => known.revisionOf(id))
  const last = revisions.at(-1)
  return last === undefined || revisions.includes(undefined) ? wrongVersion : { kind: 'repeated', revision: last }
}

const bySequence = (ids: readonly string[], first: bigint, known: KnownIds): Decision =>
  ids.length > 0 && ids.every((id, index) => known.isAt(id, first + BigInt(index)))
    ? { kind: 'repeated', revision: first + BigInt(ids.length) - 1n }
    : wrongVersion
