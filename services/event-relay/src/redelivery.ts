import { exchanges, notifierReplayQueue, selectionOf, type Proofs, type Stored } from '@journey/contracts'
import { clockSkewMs, readWindow, type EventStore, type StoredEvent } from '@journey/event-store'
import type { OrderedPublisher, Publication } from '@journey/messaging'
import type { ReplayJob, ReplayRow, ReplayWork } from '@journey/read-model'
import { Fault } from '@journey/runtime'
import { publicationOf } from './publication.js'

/** The way to one queue, for as long as a replay takes. */
export interface Binding {
  /** Binds the queue. @throws unavailable `broker/not_found` when there is no such queue */
  bind(queue: string, key: string): Promise<void>
  /** Takes the binding away; none there, or no queue, is fine. */
  unbind(queue: string, key: string): Promise<void>
}

type Place = { position: bigint; done: number }

/** Messages between two times of writing the place down, a commit each. */
const saveEvery = 50

/** Messages of a redelivery that are unconfirmed at most. With those not written down yet, so many may come twice after a crash: */
export const redeliveryWindow = 100
export const mostRepeated = 2 * saveEvery + redeliveryWindow

/**
 * Brings stored events again to one queue alone, through `journey.replay`, which routes them by a key that is bound for this
 * replay and to no other queue. In the order of the log, confirmed, marked with `x-replay-id`. After a crash it goes on from
 * what was written down as confirmed, so the last events before the crash may come twice, no more than `mostRepeated`; and so they
 * may when the queue refuses messages, as a full one with `x-overflow: reject-publish` does.
 */
export const createRedelivery = ({
  store,
  positionBefore,
  proofs,
  openPublisher,
  binding,
}: {
  store: Pick<EventStore, 'readAll'>
  /** A position before which nothing was stored at or after a moment. */
  positionBefore: (at: string) => Promise<bigint | undefined>
  proofs: () => Promise<Proofs>
  /** @param isCareful one message at a time */
  openPublisher: (confirmed: (last: Place) => void, isCareful: boolean) => Promise<OrderedPublisher<Place>>
  binding: Binding
}): ReplayWork => {
  /** Replays to queues that refused a message: a full one takes later messages before the one it refused, if they are many. */
  const refused = new Set<string>()

  const startOf = async ({ from_at }: ReplayRow): Promise<bigint | 'start'> =>
    (await positionBefore(new Date(Date.parse(from_at) - clockSkewMs).toISOString())) ?? 'start'

  /** Counts what there is to do, and notes where the log ends now: later events are live ones. */
  const plan = async ({ replay, signal, report }: ReplayJob): Promise<bigint | undefined> => {
    if (replay.until_position !== null) return BigInt(replay.until_position)
    const isMeant = meantBy(replay)
    const window = { from: replay.from_at, to: replay.to_at ?? undefined }
    let [total, until] = [0, 0n]
    for await (const { events, position } of readWindow(store, window, await startOf(replay), signal)) {
      total += events.filter(isMeant).length
      until = position
    }
    if (signal.aborted) return undefined
    report({ total, until })
    return until
  }

  const publishAll = async (
    { replay, signal, report, save }: ReplayJob,
    until: bigint,
    publisher: OrderedPublisher<Place>,
  ): Promise<void> => {
    const isMeant = meantBy(replay)
    const window = { from: replay.from_at, to: replay.to_at ?? undefined, until }
    const after = replay.position === null ? await startOf(replay) : BigInt(replay.position)
    const proving = await proofs()
    let done = replay.done
    let saving = Promise.resolve()
    for await (const { events } of readWindow(store, window, after, signal)) {
      for (const event of events.filter(isMeant)) {
        if (isAborted(signal)) break
        await publisher.publish({ position: event.position, done: ++done }, replayed(event, replay, proving))
        if (done % saveEvery !== 0) continue
        await saving
        saving = save()
        saving.catch(() => undefined) // heard where it is awaited
      }
    }
    await publisher.flush()
    await saving
    if (!isAborted(signal)) report({ position: until })
  }

  return {
    run: async (job) => {
      const { replay, report } = job
      const until = await plan(job)
      if (until === undefined || replay.dry_run) return
      const queue = queueOf(replay.consumer)
      const key = keyOf(replay)
      try {
        await binding.bind(queue, key)
      } catch (error) {
        throw (error as { code?: string }).code === 'broker/not_found' ? queueGone(queue) : error
      }
      try {
        const publisher = await openPublisher(
          ({ position, done }) => report({ position, done }),
          refused.has(replay.id),
        )
        try {
          await publishAll(job, until, publisher)
          refused.delete(replay.id)
        } catch (error) {
          if ((error as { code?: string }).code === 'broker/not_confirmed') refused.add(replay.id)
          throw error
        } finally {
          await publisher.close()
        }
      } finally {
        await binding.unbind(queue, key)
      }
    },
    discard: (replay) => binding.unbind(queueOf(replay.consumer), keyOf(replay)),
  }
}

/** The queue in which a consumer hears replays: the notifier has its own for that, so that live events need not stand behind. */
const queueOf = (consumer: string): string => (consumer === 'notifier' ? notifierReplayQueue : consumer)

const keyOf = ({ consumer, id }: ReplayRow): string => `${consumer}.${id}`

/** The notifier hears again what it hears live, and nothing else. */
const meantBy = ({ consumer, filter }: ReplayRow): ((event: StoredEvent) => boolean) => {
  const isSelected = selectionOf(filter ?? {})
  const isHeard = consumer === 'notifier' ? selectionOf({ type: 'journey.*' }) : () => true
  return (event) => isSelected(event) && isHeard(event)
}

/** The event as it was published the first time, but for one queue and with the mark of the replay. */
const replayed = (event: Stored, replay: ReplayRow, proofs: Proofs): Publication => {
  const { key, body, properties } = publicationOf(event, proofs)!
  const { CC: _, ...headers } = properties.headers ?? {}
  return {
    exchange: exchanges.replay.name,
    key: keyOf(replay),
    body,
    properties: { ...properties, type: key, headers: { ...headers, 'x-replay-id': replay.id } },
  }
}

const queueGone = (queue: string): Fault =>
  new Fault('refused', 'replay/queue_gone', `The queue ${queue} is not there any more; declare it and replay again`)

/** A function, since the compiler does not know that a signal changes while one waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted
