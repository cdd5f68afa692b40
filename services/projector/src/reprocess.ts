import { anyFromStored, selectionOf, type AnyRecorded } from '@journey/contracts'
import { clockSkewMs, readWindow, type EventStore } from '@journey/event-store'
import {
  parkedStreams,
  positionBefore,
  reproject,
  retryParked,
  type Consumer,
  type Database,
  type ReplayRow,
  type ReplayWork,
  type Step,
} from '@journey/read-model'
import { codeOf, Fault, familyOf, messageOf, type Log } from '@journey/runtime'

/**
 * Makes the rows of each stream that has an event in the window anew, from its first event on, in place: one stream, one
 * transaction. No other stream is touched. After a crash it goes on with the stream it was at. A stream that cannot be applied
 * stays as it was, and the replay fails at its end, naming it.
 */
export const createReprocess = ({
  db,
  store,
  consumer,
  log,
}: {
  db: Database['db']
  store: Pick<EventStore, 'readAll' | 'read'>
  consumer: Consumer<Step>
  log: Log
}): ReplayWork => {
  /** In the order of their first event in the window, so that journeys come before their units of work. */
  const streamsIn = async (
    { from_at, to_at, filter, until_position }: ReplayRow,
    signal: AbortSignal,
  ): Promise<{ streams: string[]; until: bigint }> => {
    const isMeant = selectionOf(filter ?? {})
    const after = await positionBefore(db, new Date(Date.parse(from_at) - clockSkewMs).toISOString())
    const window = {
      from: from_at,
      to: to_at ?? undefined,
      until: until_position === null ? undefined : BigInt(until_position),
    }
    const streams = new Set<string>()
    let until = 0n
    for await (const { events, position } of readWindow(store, window, after ?? 'start', signal)) {
      for (const event of events) if (isMeant(event)) streams.add(event.stream)
      until = position
    }
    return { streams: [...streams].sort(journeysFirst), until }
  }

  /** What waited for the stream is freed with it, as it would be live. */
  const freeWaiting = async (stream: string): Promise<void> => {
    for (const parked of await parkedStreams(db, consumer.name))
      if (parked.waits_for_stream === stream) await retryParked(consumer, parked.stream)
  }

  /** What others publish stands in one stream for each family, which grows for ever. */
  async function* partsOf(stream: string): AsyncGenerator<AnyRecorded[]> {
    for (let from = 0; ;) {
      const stored = await store.read(stream, { from, maxCount: readAtOnce })
      yield stored.flatMap((one) => anyFromStored(one) ?? [])
      if (stored.length < readAtOnce) return
      from = stored.at(-1)!.revision + 1
    }
  }

  return {
    run: async ({ replay, signal, report }) => {
      const { streams, until } = await streamsIn(replay, signal)
      if (isAborted(signal)) return
      report({ total: streams.length, ...(replay.until_position === null && { until }) })
      if (replay.dry_run) return
      const left: { stream: string; error: unknown }[] = []
      for (let done = replay.done; done < streams.length && !isAborted(signal); done++) {
        const stream = streams[done]!
        try {
          await reproject(db, consumer.name, stream, () => partsOf(stream))
          await freeWaiting(stream)
        } catch (error) {
          if (['unavailable', 'conflict'].includes(familyOf(error))) throw error
          log.error({ err: error, stream, replay: replay.id }, 'a stream could not be reprocessed')
          left.push({ stream, error })
        }
        report({ done: done + 1 })
      }
      const [first] = left
      if (first)
        throw new Fault(
          'refused',
          'replay/streams_left',
          `${left.length} of ${streams.length} streams could not be applied and stay as they were; the first is ${first.stream}: ${messageOf(first.error)} (${codeOf(first.error)})`,
        )
    },
    discard: () => Promise.resolve(),
  }
}

/** Events of a stream that are held at once: of others, 125 MiB if each is as large as may be (256 KiB), and some MiB as they are. */
const readAtOnce = 500

const journeysFirst = (a: string, b: string): number =>
  Number(b.startsWith('journey-')) - Number(a.startsWith('journey-'))

/** A function, since the compiler does not know that a signal changes while one waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted
