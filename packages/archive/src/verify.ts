import { codeOf, messageOf } from '@journey/runtime'
import { eventsIn, manifestsIn, type Part, type Report } from './archive.js'
import type { Storage } from './storage.js'

export type Verdict = {
  segments: number
  events: number
  /** What is wrong, a line each; the first hundred. */
  problems: string[]
}

const mostProblems = 100

/**
 * Reads a part of an archive whole and holds it against its manifests: every file there, its checksum and its number of events;
 * positions that rise; revisions without holes in each stream of a segment; segments that follow each other without a gap, from the
 * beginning of the log on, where all of it is asked for; and no file of events that no manifest speaks of.
 */
export const verify = async (
  storage: Storage,
  part: Part = {},
  { signal, report = () => undefined }: { signal?: AbortSignal; report?: Report } = {},
): Promise<Verdict> => {
  const verdict: Verdict = { segments: 0, events: 0, problems: [] }
  const complain = (problem: string): void => {
    if (verdict.problems.length < mostProblems) verdict.problems.push(problem)
  }
  const isWhole = part.from === undefined && part.to === undefined && part.category === undefined
  /** Null: nothing, as at the beginning of the log; undefined: not known. */
  let before: string | null | undefined = part.from === undefined ? null : undefined
  const claimed = new Set<string>()
  try {
    for await (const manifest of manifestsIn(storage, part)) {
      signal?.throwIfAborted()
      const where = `the segment of ${manifest.day} from position ${manifest.first_position}`
      if (before !== undefined && part.category === undefined && manifest.after !== before)
        complain(
          `${where} begins after position ${manifest.after ?? 'none'}, ${before === null ? 'and nothing is there before it' : `the one before ends at ${before}`}`,
        )
      before = manifest.last_position
      for (const { key } of manifest.files) claimed.add(key)
      for (const problem of await problemsOf(storage, manifest, part)) complain(`${where}: ${problem}`)
      verdict.segments++
      verdict.events += manifest.events
      report({ done: verdict.events })
    }
    if (isWhole)
      for await (const key of keysUnder(storage, 'events/'))
        if (!claimed.has(key))
          complain(`${key}: no manifest speaks of it; a run is under way, was cut off, or its manifest is gone`)
  } catch (error) {
    if (codeOf(error) !== 'archive/damaged') throw error
    complain(messageOf(error)) // a manifest: what follows it cannot be told from what is missing
  }
  return verdict
}

async function* keysUnder(storage: Storage, prefix: string): AsyncGenerator<string> {
  for (let after: string | undefined; ;) {
    const keys = await storage.list(prefix, after)
    if (keys.length === 0) return
    yield* keys
    after = keys.at(-1)
  }
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
