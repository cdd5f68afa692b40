import { restoredMark } from '@journey/contracts'
import { codeOf, conflict, malformed } from '@journey/runtime'
import type { Report } from './archive.js'
import { eventsIn, manifestsIn, type Part } from './manifests.js'
import type { ArchivedEvent } from './segment.js'
import type { Storage } from './storage.js'

/** Where restored events go: an append is all or none, and safe to repeat with the same ids and expectation. */
export type Target = {
  append(
    stream: string,
    expected: number | 'no_stream',
    events: readonly { id: string; type: string; data: unknown; metadata: Record<string, unknown> }[],
  ): Promise<unknown>
}

/**
 * Puts the events of a part of an archive back into an event store, in their order, under their ids and revisions. Those that are
 * there already stay as they are, so it may be cut off and repeated. Their positions and the time of storing are new.
 *
 * @throws malformed `archive/damaged`: nothing of the damaged segment was restored
 * @throws conflict `archive/stream_differs`: the stream in the event store is another one, or lacks what came before
 */
export const restore = async (
  storage: Storage,
  target: Target,
  part: Part = {},
  { signal, report = () => undefined }: { signal?: AbortSignal; report?: Report } = {},
): Promise<{ events: number; segments: number }> => {
  const restored = { events: 0, segments: 0 }
  for await (const manifest of manifestsIn(storage, part)) {
    for (const run of runsOf(await eventsIn(storage, manifest, part.category))) {
      signal?.throwIfAborted()
      await putBack(target, run)
      restored.events += run.length
      report({ done: restored.events })
    }
    restored.segments++
  }
  return restored
}

const longestRun = 500

/** Events that follow each other in the log and are of one stream, to be appended at once. */
const runsOf = (events: readonly ArchivedEvent[]): ArchivedEvent[][] => {
  const runs: ArchivedEvent[][] = []
  for (const event of events) {
    const run = runs.at(-1)
    const previous = run?.at(-1)
    const follows = previous?.stream === event.stream && previous.revision + 1 === event.revision
    if (run && follows && run.length < longestRun) run.push(event)
    else runs.push([event])
  }
  return runs
}

const putBack = async (target: Target, run: readonly ArchivedEvent[]): Promise<void> => {
  const { stream, revision } = run[0]!
  const foreign = run.find(({ isJson }) => !isJson)
  if (foreign)
    throw malformed(
      'archive/not_restorable',
      `The event ${foreign.id} at revision ${foreign.revision} of ${stream} is no JSON, and somebody else wrote it: restore the other categories`,
    )
  try {
    await target.append(
      stream,
      revision === 0 ? 'no_stream' : revision - 1,
      run.map(({ id, type, data, metadata }) => ({ id, type, data, metadata: { ...metadata, [restoredMark]: true } })),
    )
  } catch (error) {
    if (codeOf(error) !== 'stream/moved') throw error
    throw conflict(
      'archive/stream_differs',
      `${stream} cannot get its revision ${revision} back: it ends before that, or holds other events there. Restore what came before first, or restore into an empty event store`,
      error,
    )
  }
}
