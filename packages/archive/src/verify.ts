import { codeOf, messageOf } from '@journey/runtime'
import type { Report } from './archive.js'
import { eventsIn, isPartOf, keysIn, linksIn, type Part } from './manifests.js'
import { eventsPrefix, placeOf } from './segment.js'
import type { Storage } from './storage.js'

export type Verdict = {
  segments: number
  events: number
  /** What is wrong, a line each; the first hundred. */
  problems: string[]
}

const mostProblems = 100

/** How long a run may take from a segment's first file to its manifest: longer than 50,000 events take on a slow line. */
const freshMs = 15 * 60_000

/**
 * Reads a part of an archive whole and holds it against its manifests: every file there, its checksum and its number of events;
 * positions that rise; revisions without holes in each stream of a segment; segments that follow each other without a gap, from the
 * beginning of the log on; and, where all of it is asked for, no file of events that no manifest speaks of. Goes on after whatever is
 * wrong. May run beside `archive`: a file that was put in the last quarter of an hour may be without its manifest yet.
 */
export const verify = async (
  storage: Storage,
  part: Part = {},
  {
    signal,
    report = () => undefined,
    now = () => new Date(),
  }: { signal?: AbortSignal; report?: Report; now?: () => Date } = {},
): Promise<Verdict> => {
  const verdict: Verdict = { segments: 0, events: 0, problems: [] }
  const complain = (problem: string): void => {
    if (verdict.problems.length < mostProblems) verdict.problems.push(problem)
  }
  const isWhole = part.from === undefined && part.to === undefined && part.category === undefined
  /** Looked for first: what a run adds meanwhile has its manifest later than its files. */
  const unclaimed = new Set<string>()
  if (isWhole) for await (const key of keysIn(storage, eventsPrefix)) unclaimed.add(key)
  const unreadable = new Set<string>()
  /** Null: nothing, as at the beginning of the log; undefined: not known. */
  let before: string | null | undefined = null
  for await (const { key, manifest, error } of linksIn(storage)) {
    signal?.throwIfAborted()
    if (error) {
      complain(messageOf(error))
      unreadable.add(key)
      before = undefined
      continue
    }
    const where = `the segment of ${manifest.day} from position ${manifest.first_position}`
    const isAsked = isPartOf(manifest, part)
    if (isAsked && before !== undefined && manifest.after !== before)
      complain(
        `${where} begins after position ${manifest.after ?? 'none'}, ${before === null ? 'and nothing is there before it' : `the one before ends at ${before}`}`,
      )
    before = manifest.last_position
    for (const { key } of manifest.files) unclaimed.delete(key)
    if (!isAsked) continue
    for (const problem of await problemsOf(storage, manifest, part)) complain(`${where}: ${problem}`)
    verdict.segments++
    verdict.events += manifest.events
    report({ done: verdict.events })
  }
  for (const key of unclaimed) {
    if (unreadable.has(placeOf(key)?.manifest ?? '')) continue // that was said
    const putAt = await storage.putAt(key)
    if (putAt && now().getTime() - putAt.getTime() > freshMs)
      complain(
        `${key}: no manifest speaks of it; a run was cut off, or its manifest is gone: archive run writes it again`,
      )
  }
  return verdict
}

type Segment = Parameters<typeof eventsIn>[1]

const problemsOf = async (storage: Storage, manifest: Segment, { category }: Part): Promise<string[]> => {
  try {
    const events = await eventsIn(storage, manifest, category)
    const problems: string[] = []
    const revisions = new Map<string, number>()
    let position = manifest.after === null ? -1n : BigInt(manifest.after)
    for (const event of events) {
      if (event.position <= position) problems.push(`position ${event.position} follows ${position}`)
      position = event.position
      const revision = revisions.get(event.stream)
      if (revision !== undefined && event.revision !== revision + 1)
        problems.push(`revision ${event.revision} of ${event.stream} follows ${revision}`)
      revisions.set(event.stream, event.revision)
    }
    if (position > BigInt(manifest.last_position)) problems.push(`position ${position} is beyond its end`)
    return problems
  } catch (error) {
    if (codeOf(error) !== 'archive/damaged') throw error
    return [messageOf(error)]
  }
}
