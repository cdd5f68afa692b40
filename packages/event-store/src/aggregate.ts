import { codeOf, Fault, familyOf, messageOf } from '@journey/runtime'
import type { StoredEvent } from './events.js'
import { IdIndex } from './id-index.js'

/**
 * What a stored event is to the write side. Place in the log and time of storing are left out, because an event that was
 * just appended is folded without being read back.
 */
export type Recorded = Omit<StoredEvent, 'position' | 'createdAt' | 'isJson'>

/** How a stream's events become the state to decide on. */
export type Aggregate<State, Event> = {
  initial: State
  /**
   * Returns the next state and leaves the given one as it is. The first event of a stream changes the initial state: one that
   * does not, is not the beginning of such a stream.
   */
  evolve: (state: State, event: Event) => State
  /** The domain's event; undefined for one that says nothing to this aggregate. */
  decode: (recorded: Recorded) => Event | undefined
}

/** A stream's events folded so far: the state, the last event's place and id, and where to look for the id of any event. */
export class Folded<State, Event> {
  state: State
  /** Of the last event; -1: none. */
  revision = -1
  lastId: string | undefined
  /** Of the last snapshot that was taken, or tried; -1: none. */
  snapshotAt = -1
  ids = new IdIndex()
  private weighed = { revision: -Infinity, weight: 0 }

  constructor(private readonly aggregate: Aggregate<State, Event>) {
    this.state = aggregate.initial
  }

  /**
   * Adds one event: wholly, or, when it cannot be read, not at all.
   *
   * @throws malformed with the code of the decoder, or `event/not_foldable`, `stream/never_begun`, naming stream and revision
   */
  add(recorded: Recorded): void {
    this.state = this.next(recorded)
    this.revision = recorded.revision
    this.lastId = recorded.id
    this.ids.add(recorded.revision, recorded.id)
  }

  /** About the characters that state and ids would take as JSON; measured anew after some events, since it costs as much as writing it. */
  weight(): number {
    if (this.revision - this.weighed.revision >= weighEvery)
      this.weighed = { revision: this.revision, weight: JSON.stringify(this.state).length + this.ids.bytes + 1 }
    return this.weighed.weight
  }

  private next(recorded: Recorded): State {
    const { aggregate, state } = this
    const where = `${recorded.type} at revision ${recorded.revision} of ${recorded.stream}`
    let next: State
    try {
      const event = aggregate.decode(recorded)
      if (event === undefined) return state
      next = aggregate.evolve(state, event)
    } catch (cause) {
      if (familyOf(cause) === 'malformed')
        throw new Fault('malformed', codeOf(cause), `${where} cannot be read: ${messageOf(cause)}`, { cause })
      throw new Fault('malformed', 'event/not_foldable', `${where} lacks what it should say: ${messageOf(cause)}`, {
        cause,
      })
    }
    if (state === aggregate.initial && next === aggregate.initial)
      throw new Fault(
        'malformed',
        'stream/never_begun',
        `${where} is not what such a stream begins with: what was before it is gone. If the stream was truncated or deleted, ` +
          `take $tb, $maxCount and $maxAge out of its metadata, then try again`,
      )
    return next
  }
}

const weighEvery = 16
