import type { AnyRecorded } from '@journey/contracts'

/** Revisions of a stream, both ends included. */
export type Range = { from: number; to: number }

/** Events that follow on a revision, in order, each once; how many came in vain; and which are missing in between. */
export type LinedUp = { next: AnyRecorded[]; duplicates: number; missing: Range[] }

/**
 * Lines the events of one stream up behind the last revision that was applied.
 *
 * @param upTo the last revision that is known to exist, when that is beyond the events at hand
 */
export const lineUp = (applied: number, events: readonly AnyRecorded[], upTo = applied): LinedUp => {
  const byRevision = new Map<number, AnyRecorded>()
  for (const event of events)
    if (event.revision > applied && !byRevision.has(event.revision)) byRevision.set(event.revision, event)
  const next = [...byRevision.values()].sort((a, b) => a.revision - b.revision)
  const missing: Range[] = []
  let expected = applied + 1
  for (const { revision } of next) {
    if (revision > expected) missing.push({ from: expected, to: revision - 1 })
    expected = revision + 1
  }
  if (upTo >= expected) missing.push({ from: expected, to: upTo })
  return { next, duplicates: events.length - next.length, missing }
}

/** The events up to the first that is missing. */
export const withoutGap = (applied: number, events: readonly AnyRecorded[]): AnyRecorded[] => {
  const end = events.findIndex(({ revision }, index) => revision !== applied + 1 + index)
  return end === -1 ? [...events] : events.slice(0, end)
}
