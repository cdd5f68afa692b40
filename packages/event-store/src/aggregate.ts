import type { StoredEvent } from './events.js'

/**
 * What a stored event is to the write side. Place in the log and time of storing are left out, because an event that was
 * just appended is folded without being read back.
 */
export type Recorded = Omit<StoredEvent, 'position' | 'createdAt' | 'isJson'>

/** How a stream's events become the state to decide on. */
export type Aggregate<State, Event> = {
  initial: State
  /** Returns the next state and leaves the given one as it is. */
  evolve: (state: State, event: Event) => State
  /** The domain's event; undefined for one that says nothing to this aggregate. */
  decode: (recorded: Recorded) => Event | undefined
}

/** What one command stored in a stream. */
export type Handled = {
  /** Revision of the last of its events. */
  revision: number
  eventTypes: readonly string[]
  /** Digest of the command's body, if it was stored. */
  digest: string | undefined
}

/**
 * A stream's events folded so far: the state, the revision of the last event (-1: none), and the commands it remembers.
 * A command is known by the metadata of its events: `$causationId` and `command_digest`.
 */
export class Folded<State, Event> {
  state: State
  revision = -1
  private readonly commands = new Map<string, Handled>()

  constructor(private readonly aggregate: Aggregate<State, Event>) {
    this.state = aggregate.initial
  }

  handled(commandId: string): Handled | undefined {
    return this.commands.get(commandId)
  }

  /** Adds one event: wholly, or, when it cannot be decoded, not at all. */
  add(recorded: Recorded): void {
    const event = this.aggregate.decode(recorded)
    if (event !== undefined) this.state = this.aggregate.evolve(this.state, event)
    this.revision = recorded.revision
    this.remember(recorded)
  }

  private remember({ metadata, revision, type }: Recorded): void {
    const { $causationId: commandId, command_digest: digest } = metadata
    if (typeof commandId !== 'string') return
    const eventTypes = [...(this.commands.get(commandId)?.eventTypes ?? []), type]
    this.commands.set(commandId, { revision, eventTypes, digest: typeof digest === 'string' ? digest : undefined })
  }
}
