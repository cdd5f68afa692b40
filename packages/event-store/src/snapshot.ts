import { createHash } from 'node:crypto'
import { Folded, type Aggregate, type Recorded } from './aggregate.js'
import { IdIndex, type StoredIndex } from './id-index.js'

/** What a snapshot holds, as JSON. */
type Stored = {
  /** The stream it is of, and the version of the state's shape. */
  stream: string
  schema: string
  /** The last event that is in it; a stream that has another one there, or none, is not the stream it was taken of. */
  revision: number
  event_id: string
  state: unknown
  /** Where to look for a command that the stream remembers. */
  ids: StoredIndex
  /** SHA-256, base64url, over all of the above. */
  hash: string
}

export const snapshotType = 'SnapshotTaken'

/** Why a snapshot is not made use of. */
export const flaws = ['unreadable', 'wrong_hash', 'other_stream', 'other_schema', 'not_of_this_history'] as const
export type Flaw = (typeof flaws)[number]

/** The snapshot of what is folded. What is folded later does not change it. */
export const snapshotOf = <State, Event>(
  { state, revision, lastId, ids }: Folded<State, Event>,
  stream: string,
  schema: string,
): Omit<Stored, 'hash'> => ({ stream, schema, revision, event_id: lastId ?? '', state, ids: ids.toJSON() })

export const sealed = (snapshot: Omit<Stored, 'hash'>): Stored => ({ ...snapshot, hash: hashOf(snapshot) })

/** What a snapshot's stream holds at some place, as it was folded; or why it cannot be taken for that. */
export const folded = <State, Event>(
  { type, data }: Pick<Recorded, 'type' | 'data'>,
  stream: string,
  schema: string,
  aggregate: Aggregate<State, Event>,
): Folded<State, Event> | Flaw => {
  if (type !== snapshotType || !isStored(data)) return 'unreadable'
  if (data.hash !== hashOf(data)) return 'wrong_hash'
  if (data.stream !== stream) return 'other_stream'
  if (data.schema !== schema) return 'other_schema'
  const all = new Folded(aggregate)
  all.state = data.state as State
  all.revision = all.snapshotAt = data.revision
  all.lastId = data.event_id
  all.ids = IdIndex.from(data.ids)
  return all
}

const hashOf = ({ stream, schema, revision, event_id, state, ids: { first, marks } }: Omit<Stored, 'hash'>): string =>
  createHash('sha256')
    .update(JSON.stringify([stream, schema, revision, event_id, state, first, marks]))
    .digest('base64url')

const isStored = (data: unknown): data is Stored => {
  const { hash, revision, ids } = (data ?? {}) as { hash?: unknown; revision?: unknown; ids?: unknown }
  const { first, marks } = (ids ?? {}) as { first?: unknown; marks?: unknown }
  return typeof hash === 'string' && Number.isInteger(revision) && Number.isInteger(first) && typeof marks === 'string'
}
