import { mend } from './mend.js'
import { bodyOf, dayOf, manifestKey, segmentOf, type ArchivedEvent } from './segment.js'
import type { Storage } from './storage.js'

/** The log that is archived: a page of all events after a position, in order. */
export type Source = {
  readAll(options: {
    after: bigint | 'start'
    maxCount: number
  }): Promise<{ events: ArchivedEvent[]; position: bigint | 'start'; isLast: boolean }>
}

export type Archiving = { source: Source; storage: Storage; isArchived: (stream: string) => boolean }

/** What a job tells of its way: a count that grows, and how many there are when that is known. */
export type Report = (progress: { done: number; total?: number }) => void

const pageSize = 1_000
/** A segment's events are in memory while it is made: some 50 MB at 1 KB each. */
const mostEvents = 50_000

/**
 * Archives what the log holds after the last segment and was stored before a time, oldest first. Safe to cut off and to repeat: it
 * goes on after the last manifest, and a segment that was left without one is written again. Two at once write the same. A manifest
 * that is gone from before others is written again first, from its files.
 *
 * @param isArchived whether a stream is one whose events are kept
 * @throws malformed `archive/damaged`: the last manifest cannot be read; or one is gone and its files are not whole, and what is new
 * was archived all the same
 */
export const archive = async (
  { source, storage, isArchived }: Archiving,
  { before, signal, report = () => undefined }: { before: Date; signal?: AbortSignal; report?: Report },
): Promise<{ events: number; segments: number }> => {
  const limit = before.toISOString()
  const { last, problem } = await mend({ source, storage, isArchived }, signal)
  let after: bigint | 'start' = last ? BigInt(last.last_position) : 'start'
  let position = after
  let open: ArchivedEvent[] = []
  const written = { events: 0, segments: 0 }

  const close = async (): Promise<void> => {
    if (open.length === 0) return
    const { manifest, files } = segmentOf(after, open)
    for (const { file, body } of files) await storage.put(file.key, body)
    await storage.put(manifestKey(manifest.first_position), bodyOf(manifest))
    after = BigInt(manifest.last_position)
    written.events += open.length
    written.segments++
    open = []
    report({ done: written.events })
  }

  for (;;) {
    signal?.throwIfAborted()
    const page = await source.readAll({ after: position, maxCount: pageSize })
    for (const event of page.events) {
      if (event.createdAt >= limit) {
        await close()
        return ended(written, problem)
      }
      if (!isArchived(event.stream)) continue
      const isAnotherDay = open.length > 0 && dayOf(event.createdAt) !== dayOf(open[0]!.createdAt)
      if (isAnotherDay || open.length >= mostEvents) await close()
      open.push(event)
    }
    position = page.position
    if (page.isLast) {
      await close()
      return ended(written, problem)
    }
  }
}

const ended = <Written>(written: Written, problem: Error | undefined): Written => {
  if (problem) throw problem
  return written
}
