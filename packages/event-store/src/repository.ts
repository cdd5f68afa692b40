import { codeOf, Fault, familyOf, Turns, type Log } from '@journey/runtime'
import type { Aggregate, Folded } from './aggregate.js'
import { eventIdFor } from './event-ids.js'
import type { Appended, EventStore } from './event-store.js'
import type { NewEvent } from './events.js'
import { createFinding, type Handled } from './finding.js'
import { createLoading } from './loading.js'
import { Memory } from './memory.js'
import type { Snapshots } from './snapshots.js'

/** A decided event. Its id is given by the repository, which also adds `$causationId` and `command_digest` to the metadata. */
export type DecidedEvent = Omit<NewEvent, 'id'>

/** What a decision is made on; `revision` is that of the stream's last event, -1 when it has none. */
export type Loaded<State> = { state: State; revision: number }

export type CommandKey = {
  /** Idempotency key: whatever the stream remembers under it was done by this command. */
  id: string
  /** Digest of the body, so that another command under the same id is noticed. */
  digest?: string | undefined
}

export type Outcome = {
  /** Of the command's last event; of the stream when it stored none. */
  revision: number
  eventTypes: readonly string[]
  /** The command was handled before; this is the outcome it had then. */
  repeated: boolean
  /** Of its last event; known only to the call that stored it. */
  position?: bigint
}

/**
 * What a command needs before something is appended for it, when its stream has gone beyond the revision `since`: `ask` is called,
 * and when that throws, nothing is appended and the error passes through.
 */
export type Consent = { since: number; ask: () => Promise<void> }

export interface Repository<State> {
  /**
   * Handles a command on one stream, once: loads, decides, appends what was decided. A command that the stream remembers
   * gets its first outcome again, without a decision.
   *
   * Commands on one stream are taken one after another. `decide` is pure: it is called again whenever the stream turns out
   * to have moved on, and what it throws passes through, decided on the stream's true state at that moment.
   *
   * @throws refused `command/key_reused`: the stream remembers the command id with another digest
   * @throws conflict `stream/moved`: someone else wrote first, five times in a row
   * @throws unavailable `event-store/away`: outcome unknown; repeat the same command
   * @throws malformed `event-store/append_too_large`: nothing was stored
   * @throws malformed `stream/soft_deleted`, `stream/never_begun`, `event/unsupported_version`, `event/invalid`,
   *   `event/not_foldable`: nothing can be decided on this stream before it is mended, or read by a newer version
   * @throws refused `stream/deleted`: nothing can ever be stored in it again
   */
  transact(
    stream: string,
    command: CommandKey,
    decide: (loaded: Loaded<State>) => readonly DecidedEvent[],
    consent?: Consent,
  ): Promise<Outcome>

  /** Of the stream's last event, as far as it is remembered; -1 when it is not. */
  rememberedRevision(stream: string): number

  /**
   * The state of a stream as it is now; with `atLeast`, as it was at that revision or later, which takes no reading when it is
   * remembered.
   */
  load(stream: string, options?: { atLeast: number }): Promise<Loaded<State>>
}

/**
 * @param fold how the streams of this repository become state
 * @param capacity how many streams stay folded in memory. What is remembered saves reading, and is never trusted: an append
 *   states the revision it was decided on, and a refusal is checked against the store.
 * @param maxWeight how large what stays in memory may be in all, in characters of JSON; in memory about twice the bytes
 * @param snapshots where long streams are loaded from; without them every stream is read from its beginning
 */
export const createRepository = <State, Event>({
  store,
  fold,
  capacity,
  maxWeight = 64 * 1024 * 1024,
  snapshots,
  log,
}: {
  store: EventStore
  fold: Aggregate<State, Event>
  capacity: number
  maxWeight?: number | undefined
  snapshots?: Snapshots<State, Event>
  log: Log
}): Repository<State> => {
  type Stream = Folded<State, Event>
  const memory = new Memory<Stream>({ most: capacity, maxWeight })
  const turns = new Turns()
  const { load, catchUp } = createLoading({ store, fold, snapshots })
  const find = createFinding(store)

  const handle = async (
    stream: string,
    command: CommandKey,
    decide: (loaded: Loaded<State>) => readonly DecidedEvent[],
    consent: Consent | undefined,
  ): Promise<Outcome> => {
    const remembered = memory.get(stream)
    const isDoubtful = remembered === 'doubtful'
    let isFresh = !remembered || isDoubtful
    let folded = !remembered || isDoubtful ? await load(stream) : remembered
    const remember = () => (isDoubtful ? undefined : memory.keep(stream, folded))

    for (let attempt = 1; ; attempt += 1) {
      const handled = await find(stream, folded.ids, command.id)
      if (handled) {
        remember()
        return repeated(stream, command, handled)
      }
      const decision = attempted(() => decide({ state: folded.state, revision: folded.revision }))
      if (decision.isFinal) {
        // Nothing will be appended that could prove the state to be old, so it is checked by reading.
        const isStale = !isFresh && (await catchUp(stream, folded))
        isFresh = true
        remember()
        if (isStale) continue
        if ('error' in decision) throw decision.error
        return { revision: folded.revision, eventTypes: [], repeated: false }
      }
      const events = decision.events.map((event, index) => stamped(event, stream, command, index))
      if (consent && folded.revision > consent.since) await consent.ask()
      try {
        const appended = await store.append(stream, folded.revision === -1 ? 'no_stream' : folded.revision, events)
        if (isDoubtful) memory.forget(stream)
        else addOwn(stream, folded, events, appended)
        return { ...appended, eventTypes: events.map(({ type }) => type), repeated: false }
      } catch (error) {
        if (codeOf(error) !== 'stream/moved') {
          if (isOutcomeUnknown(error)) memory.keep(stream, 'doubtful')
          throw error
        }
        if (attempt >= maxAttempts) throw error
        log.debug({ stream, revision: folded.revision, attempt }, 'stream moved, deciding again')
        // Nothing new although the revision is wrong: the store was set back, and what is in memory never happened.
        if (!(await catchUp(stream, folded))) folded = await load(stream)
        isFresh = true
      }
    }
  }

  /** Folds what was just stored, as it would be read back. */
  const addOwn = (stream: string, folded: Stream, events: readonly NewEvent[], { revision }: Appended): void => {
    const first = revision - events.length + 1
    try {
      events.forEach((event, index) => {
        folded.add({ ...(JSON.parse(JSON.stringify(event)) as NewEvent), stream, revision: first + index })
      })
      memory.keep(stream, folded)
      snapshots?.offer(stream, folded)
    } catch (err) {
      memory.forget(stream)
      log.error({ err, stream }, 'an event just stored cannot be folded')
    }
  }

  return {
    transact: (stream, command, decide, consent) => turns.take(stream, () => handle(stream, command, decide, consent)),

    rememberedRevision: (stream) => {
      const remembered = memory.get(stream)
      return remembered === undefined || remembered === 'doubtful' ? -1 : remembered.revision
    },

    load: (stream, { atLeast } = { atLeast: Infinity }) =>
      turns.take(stream, async () => {
        const remembered = memory.get(stream)
        if (remembered === undefined || remembered === 'doubtful') {
          const folded = await load(stream)
          if (!remembered) memory.keep(stream, folded)
          return { state: folded.state, revision: folded.revision }
        }
        if (remembered.revision < atLeast) await catchUp(stream, remembered)
        return { state: remembered.state, revision: remembered.revision }
      }),
  }
}

/** What is refused or malformed was not stored. */
const isOutcomeUnknown = (error: unknown): boolean => !['refused', 'malformed'].includes(familyOf(error))

/** Times a command is decided before its conflict is handed on. */
const maxAttempts = 5

type Decision =
  { isFinal: false; events: readonly DecidedEvent[] } | { isFinal: true } | { isFinal: true; error: unknown }

const attempted = (decide: () => readonly DecidedEvent[]): Decision => {
  try {
    const events = decide()
    return events.length > 0 ? { isFinal: false, events } : { isFinal: true }
  } catch (error) {
    return { isFinal: true, error }
  }
}

const stamped = (
  { type, data, metadata }: DecidedEvent,
  stream: string,
  command: CommandKey,
  index: number,
): NewEvent => ({
  id: eventIdFor(command.id, stream, index),
  type,
  data,
  metadata: {
    ...metadata,
    $causationId: command.id,
    ...(command.digest !== undefined && { command_digest: command.digest }),
  },
})

const repeated = (stream: string, { id, digest }: CommandKey, handled: Handled): Outcome => {
  if (digest !== undefined && handled.digest !== undefined && digest !== handled.digest) {
    throw new Fault(
      'refused',
      'command/key_reused',
      `${stream} has handled another command with the id ${id}; give a new command a new id`,
    )
  }
  return { revision: handled.revision, eventTypes: handled.eventTypes, repeated: true }
}
