import { codeOf } from '@journey/runtime'
import type { Archiving } from './archive.js'
import { keysIn, linksIn } from './manifests.js'
import {
  bodyOf,
  damaged,
  eventsPrefix,
  foundFile,
  manifestKey,
  placeOf,
  type ArchivedEvent,
  type Manifest,
} from './segment.js'
import type { Storage } from './storage.js'

/** Where manifests must have been: after a position, up to another. */
type Gap = { after: string | null; until: string }
/** Only where its events stand: the data of many segments would fill the memory. */
type Segment = { manifest: Manifest; events: Pick<ArchivedEvent, 'id' | 'position'>[] }

const pageSize = 1_000

/**
 * Writes manifests that are gone from before others again, and gives the last one. It takes them from the files they spoke of, not
 * from the log: that may have lost since what the archive still has. But what the log does have there must be in the files. A gap
 * without any file is left to `verify`: somebody may have taken old segments away.
 *
 * @returns `problem`: why a gap could not be closed, the first if there are several
 * @throws malformed `archive/damaged` when the last manifest cannot be read
 */
export const mend = async (
  archiving: Archiving,
  signal?: AbortSignal,
): Promise<{ last: Manifest | undefined; problem: Error | undefined }> => {
  const { last, gaps } = await chainOf(archiving.storage, signal)
  let problem: Error | undefined
  const keys: string[] = []
  if (gaps.length > 0) for await (const key of keysIn(archiving.storage, eventsPrefix)) keys.push(key)
  for (const gap of gaps)
    try {
      await close(archiving, gap, keys, signal)
    } catch (error) {
      if (codeOf(error) !== 'archive/damaged') throw error
      problem ??= error as Error
    }
  return { last, problem }
}

const chainOf = async (storage: Storage, signal?: AbortSignal): Promise<{ last?: Manifest; gaps: Gap[] }> => {
  const gaps: Gap[] = []
  let last: Manifest | undefined
  let before: string | null | undefined = null // undefined: not known
  let unreadable: Error | undefined
  for await (const { manifest, error } of linksIn(storage)) {
    signal?.throwIfAborted()
    unreadable = error
    if (manifest && before !== undefined && manifest.after !== null && manifest.after !== before)
      gaps.push({ after: before, until: manifest.after })
    before = manifest?.last_position
    last = manifest
  }
  if (unreadable) throw unreadable
  return { gaps, ...(last && { last }) }
}

const close = async (archiving: Archiving, gap: Gap, keys: readonly string[], signal?: AbortSignal): Promise<void> => {
  const segments = await segmentsIn(archiving.storage, gap, keys)
  if (segments.length === 0) return
  const end = segments.at(-1)!.manifest
  if (end.last_position !== gap.until)
    throw damaged(manifestKey(end.first_position), `is gone, and with it what stood up to position ${gap.until}`)
  const lacking = await lackingIn(segments, archiving, gap, signal)
  if (lacking)
    throw damaged(
      manifestKey(end.first_position),
      `is gone, and so is the file with ${lacking.id} of ${lacking.stream}`,
    )
  for (const { manifest } of segments)
    await archiving.storage.put(manifestKey(manifest.first_position), bodyOf(manifest))
}

/** The segments whose files lie in a gap, in the order of the log. @throws malformed `archive/damaged` */
const segmentsIn = async (storage: Storage, { after, until }: Gap, keys: readonly string[]): Promise<Segment[]> => {
  const byFirst = new Map<bigint, { key: string; day: string }[]>()
  for (const key of keys) {
    const place = placeOf(key)
    if (!place || place.first <= BigInt(after ?? -1) || place.first > BigInt(until)) continue
    byFirst.set(place.first, [...(byFirst.get(place.first) ?? []), { key, day: place.day }])
  }
  const segments: Segment[] = []
  let previous = after
  for (const [first, places] of [...byFirst].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const found = []
    for (const { key } of places) {
      const body = await storage.get(key)
      if (!body) throw damaged(key, 'is gone')
      found.push(foundFile(key, body))
    }
    const rising = found.sort((one, other) => (one.events[0]!.position < other.events[0]!.position ? -1 : 1))
    const events = rising.flatMap(({ events }) => events).sort((one, other) => (one.position < other.position ? -1 : 1))
    if (events[0]!.position !== first) throw damaged(manifestKey(first.toString()), 'is gone, and so is its first file')
    const manifest: Manifest = {
      format: 'journey-archive/1',
      day: places[0]!.day,
      after: previous,
      first_position: first.toString(),
      last_position: events.at(-1)!.position.toString(),
      events: events.length,
      files: rising.map(({ file }) => file),
    }
    segments.push({ manifest, events: events.map(({ id, position }) => ({ id, position })) })
    previous = manifest.last_position
  }
  return segments
}

/** An event that the log holds in a gap and the files do not. A log that was restored has other positions, and tells nothing. */
const lackingIn = async (
  segments: readonly Segment[],
  { source, isArchived }: Archiving,
  { after, until }: Gap,
  signal?: AbortSignal,
): Promise<ArchivedEvent | undefined> => {
  const kept = new Map(segments.flatMap(({ events }) => events.map(({ id, position }) => [id, position])))
  let lacking: ArchivedEvent | undefined
  let isSameLog = false
  for (let position: bigint | 'start' = after === null ? 'start' : BigInt(after); ;) {
    signal?.throwIfAborted()
    const page = await source.readAll({ after: position, maxCount: pageSize })
    for (const event of page.events) {
      if (event.position > BigInt(until)) return isSameLog ? lacking : undefined
      if (!isArchived(event.stream)) continue
      if (kept.get(event.id) === event.position) isSameLog = true
      else lacking ??= event
    }
    position = page.position
    if (page.isLast) return isSameLog ? lacking : undefined
  }
}
