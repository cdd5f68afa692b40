import { codeOf, type Log } from '@journey/runtime'
import { v5 as uuidv5 } from 'uuid'
import type { Aggregate, Folded } from './aggregate.js'
import type { EventStore } from './event-store.js'
import { folded, sealed, snapshotOf, snapshotType, type Flaw } from './snapshot.js'
import { snapshotStreamOf } from './stream-names.js'

/** What became of a snapshot: written, not written, made use of, or ignored for a flaw. */
export type SnapshotOutcome = 'written' | 'failed' | 'read' | Flaw

/** The snapshots of the streams of one aggregate. None of this ever fails a command. */
export interface Snapshots<State, Event> {
  /** The latest one that is in order; whether it is of the stream's history is for the caller to find, by its last event. */
  latest(stream: string): Promise<Folded<State, Event> | undefined>
  /** Counts a snapshot that was made use of, or turned out not to be of the stream's history. */
  note(outcome: 'read' | 'not_of_this_history', stream: string): void
  /** Takes one when it is due, and writes it in the background. */
  offer(stream: string, folded: Folded<State, Event>): void
  /** Resolves once what is being written is written, or has failed. */
  settled(): Promise<void>
}

/**
 * @param schema version of the state's shape and meaning: snapshots of another one are ignored
 * @param every events between two snapshots of a stream; none are written when left out
 * @param count told of every snapshot
 */
export const createSnapshots = <State, Event>({
  store,
  fold,
  schema,
  every = Infinity,
  count = () => undefined,
  log,
}: {
  store: Pick<EventStore, 'append' | 'read'>
  fold: Aggregate<State, Event>
  schema: string
  every?: number
  count?: (outcome: SnapshotOutcome) => void
  log: Log
}): Snapshots<State, Event> => {
  const writing = new Set<Promise<void>>()

  const ignore = (flaw: Flaw, stream: string): void => {
    count(flaw)
    log.info({ stream, flaw, schema }, 'snapshot ignored')
  }

  /** The last one nearly always does, so the older ones are asked for only when it does not. */
  const find = async (stream: string): Promise<Folded<State, Event> | undefined> => {
    const read = { direction: 'backwards', maxCount: 1 } as const
    let [last] = await store.read(snapshotStreamOf(stream), read)
    for (let tried = 1; last; tried += 1) {
      const found = folded(last, stream, schema, fold)
      if (typeof found !== 'string') return found
      ignore(found, stream)
      if (tried === kept || last.revision === 0) return undefined
      ;[last] = await store.read(snapshotStreamOf(stream), { ...read, from: last.revision - 1 })
    }
    return undefined
  }

  const write = async (stream: string, snapshot: ReturnType<typeof snapshotOf>): Promise<void> => {
    const to = snapshotStreamOf(stream)
    const { revision, event_id } = snapshot
    try {
      // Said with every one, since repeating it stores nothing: only the last few are kept.
      const limit = { id: uuidv5(`${to}:kept`, namespace), type: '$metadata', data: { $maxCount: kept }, metadata: {} }
      await store.append(`$$${to}`, 'no_stream', [limit]).catch((error: unknown) => {
        if (codeOf(error) !== 'stream/moved') throw error
      })
      const id = uuidv5(`${to}:${schema}:${revision}:${event_id}`, namespace)
      await store.append(to, 'any', [{ id, type: snapshotType, data: sealed(snapshot), metadata: {} }])
      count('written')
      log.debug({ stream, revision }, 'snapshot written')
    } catch (err) {
      count('failed')
      log.warn({ err, stream, revision }, 'snapshot not written; the next one is due in some time')
    }
  }

  return {
    latest: async (stream) => {
      try {
        return await find(stream)
      } catch (err) {
        log.warn({ err, stream }, 'snapshots cannot be read; the whole stream is')
        count('unreadable')
        return undefined
      }
    },
    note: (outcome, stream) => (outcome === 'read' ? count(outcome) : ignore(outcome, stream)),
    offer: (stream, now) => {
      if (now.revision - now.snapshotAt < every) return
      now.snapshotAt = now.revision
      const written = write(stream, snapshotOf(now, stream, schema)).finally(() => writing.delete(written))
      writing.add(written)
    },
    settled: async () => {
      await Promise.all(writing)
    },
  }
}

/** How many snapshots of a stream are kept: more than one, so that two versions of the software can each find theirs. */
const kept = 3

const namespace = '0f9d1c52-3e0e-4b27-8f6c-0c6d7f2e8a10'
