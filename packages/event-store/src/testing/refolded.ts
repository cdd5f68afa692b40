import { Folded, type Aggregate, type Recorded } from '../aggregate.js'
import { folded, sealed, snapshotOf, snapshotType } from '../snapshot.js'

/**
 * What events are folded to, by way of a snapshot taken after the first `split` of them and read back from JSON.
 * Compare it with `refolded(…, 0)`, which has none.
 */
export const refolded = <State, Event>(
  aggregate: Aggregate<State, Event>,
  events: readonly Recorded[],
  split: number,
): { state: State; revision: number; ids: unknown } => {
  const stream = events[0]?.stream ?? ''
  let all = new Folded(aggregate)
  for (const event of events.slice(0, split)) all.add(event)
  if (split > 0) {
    const data: unknown = JSON.parse(JSON.stringify(sealed(snapshotOf(all, stream, 'spec'))))
    const read = folded({ type: snapshotType, data }, stream, 'spec', aggregate)
    if (typeof read === 'string') throw new Error(`the snapshot after ${split} events is ${read}`)
    all = read
  }
  for (const event of events.slice(split)) all.add(event)
  return { state: all.state, revision: all.revision, ids: all.ids.toJSON() }
}
