import {
  eventsOf,
  manifestKey,
  manifestOf,
  manifestPrefix,
  dayOf,
  segmentOf,
  type ArchivedEvent,
  type Manifest,
} from './segment.js'
import type { Storage } from './storage.js'

/** The log that is archived: a page of all events after a position, in order. */
export type Source = {
  readAll(options: {
    after: bigint | 'start'
    maxCount: number
  }): Promise<{ events: ArchivedEvent[]; position: bigint | 'start'; isLast: boolean }>
}

/** What a job tells of its way: a count that grows, and how many there are when that is known. */
export type Report = (progress: { done: number; total?: number }) => void

const pageSize = 1_000
/** A segment's events are in memory while it is made: some 50 MB at 1 KB each. */
const mostEvents = 50_000

/**
 * Archives what the log holds after the last segment and was stored before a time, oldest first. Safe to cut off and to repeat: it
 * goes on after the last manifest, and a segment that was left without one is written again. Two at once write the same.
 *
 * @param isArchived whether a stream is one whose events are kept
 */
export const archive = async (
  { source, storage, isArchived }: { source: Source; storage: Storage; isArchived: (stream: string) => boolean },
  { before, signal, report = () => undefined }: { before: Date; signal?: AbortSignal; report?: Report },
): Promise<{ events: number; segments: number }> => {
  const limit = before.toISOString()
  const last = await lastManifest(storage)
  let after: bigint | 'start' = last ? BigInt(last.last_position) : 'start'
  let position = after
  let open: ArchivedEvent[] = []
  const written = { events: 0, segments: 0 }

  const close = async (): Promise<void> => {
    if (open.length === 0) return
    const { manifest, files } = segmentOf(after, open)
    for (const { file, body } of files) await storage.put(file.key, body)
    await storage.put(manifestKey(manifest.first_position), Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`))
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
        return written
      }
      if (!isArchived(event.stream)) continue
      const isAnotherDay = open.length > 0 && dayOf(event.createdAt) !== dayOf(open[0]!.createdAt)
      if (isAnotherDay || open.length >= mostEvents) await close()
      open.push(event)
    }
    position = page.position
    if (page.isLast) {
      await close()
      return written
    }
  }
}

/** Which part of an archive: days from and to, both included, and a category. */
export type Part = { from?: string | undefined; to?: string | undefined; category?: string | undefined }

/** The manifests of an archive that hold events of a part, in the order of the log. @throws malformed `archive/damaged` */
export async function* manifestsIn(
  storage: Storage,
  { from = '', to = '9999', category }: Part = {},
): AsyncGenerator<Manifest> {
  for (let after: string | undefined; ;) {
    const keys = await storage.list(manifestPrefix, after)
    if (keys.length === 0) return
    for (const key of keys) {
      const manifest = manifestOf(key, await storage.get(key))
      const isAsked = category === undefined || manifest.files.some((file) => file.category === category)
      if (manifest.day >= from && manifest.day <= to && isAsked) yield manifest
    }
    after = keys.at(-1)
  }
}

/** The events of a segment, or those of one category, in the order of the log. @throws malformed `archive/damaged` */
export const eventsIn = async (storage: Storage, manifest: Manifest, category?: string): Promise<ArchivedEvent[]> => {
  const files = manifest.files.filter((file) => category === undefined || file.category === category)
  const events = await Promise.all(files.map(async (file) => eventsOf(file, await storage.get(file.key))))
  return events.flat().sort((one, other) => (one.position < other.position ? -1 : 1))
}

const lastManifest = async (storage: Storage): Promise<Manifest | undefined> => {
  let last: string | undefined
  for (;;) {
    const keys = await storage.list(manifestPrefix, last)
    if (keys.length === 0) return last === undefined ? undefined : manifestOf(last, await storage.get(last))
    last = keys.at(-1)
  }
}
