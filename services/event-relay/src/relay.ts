import { setTimeout as sleep } from 'node:timers/promises'
import { isReceivedStream, ourStreams, restoredMark, type Proofs } from '@journey/contracts'
import type { EventStore, StoredEvent } from '@journey/event-store'
import type { OrderedPublisher } from '@journey/messaging'
import type { EventGap } from '@journey/read-model'
import { messageOf, type Log, type Part } from '@journey/runtime'
import type { Hearing, HearingPlaces } from './hearing.js'
import type { RelayMeters } from './meters.js'
import { forOrderedConsumers, publicationOf } from './publication.js'

/** Where the relay keeps how far it came. */
export interface Checkpoint {
  load(): Promise<bigint | undefined>
  save(position: bigint): Promise<void>
  /** Notes at which position a moment lies. */
  note(position: bigint, at: string): Promise<void>
}

type Place = { position: bigint; at: string }

/** The checkpoint is saved this often while it moves; what lies between is published again after a crash. */
const saveEveryMs = 100
/** One entry a second in the index of times. */
const noteEveryMs = 1_000
const lookForGapMs = 1_000
const firstPauseMs = 200
const mostPauseMs = 5_000

/**
 * ⑥ of "the way of a command": reads the log in order and publishes every event of ours, confirmed, in order, with a window; what was
 * recorded of others goes to our ordered consumers alone.
 * The checkpoint follows the confirmed prefix; after any failure it goes back there and sends again in order, so an event may
 * come twice but never before an earlier one of its stream that was not confirmed. While a queue would not hear events it publishes
 * none, and after that it goes back to where all queues heard.
 */
export const createRelay = ({
  store,
  openPublisher,
  checkpoint,
  hearing,
  places,
  proofs,
  lead,
  meters,
  log,
}: {
  store: EventStore
  openPublisher: (confirmed: (last: Place) => void) => Promise<OrderedPublisher<Place>>
  checkpoint: Checkpoint
  hearing: Pick<Hearing, 'whole' | 'watch'>
  /** Where gaps are noted that are to be published again. */
  places: Pick<HearingPlaces, 'gap' | 'closeGap'>
  /** Asked for at each beginning. */
  proofs: () => Promise<Proofs>
  lead: (signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>) => Promise<void>
  meters: RelayMeters
  log: Log
}): Part => {
  const stopping = new AbortController()
  let running: Promise<void> | undefined

  const relayOnce = async (signal: AbortSignal): Promise<void> => {
    await hearing.whole(signal)
    signal.throwIfAborted()
    const reached = await checkpoint.load()
    const gap = await places.gap()
    const start = gap !== undefined && reached !== undefined && gap.position < reached ? gap.position : reached
    if (start !== reached)
      log.warn({ from: String(start), to: String(reached) }, 'publishing again what some did not hear')
    let confirmed: Place | undefined
    let sent = start ?? 0n
    const proving = await proofs()
    const publisher = await openPublisher((last) => (confirmed = last))
    const ended = new AbortController()
    const until = AbortSignal.any([signal, ended.signal, publisher.failed])
    const saving = save(() => confirmed, until, gap && { gap, until: reached ?? 0n }).catch((error: unknown) =>
      ended.abort(error),
    )
    const losing = lost(gap, until).catch((error: unknown) => ended.abort(error))
    const watching = hearing.watch(() => confirmed?.position, until).catch((error: unknown) => ended.abort(error))
    try {
      for await (const delivery of store.subscribeToAll({
        after: start ?? 'start',
        streamPrefixes: ourStreams,
        signal: until,
      })) {
        if (delivery.kind === 'event') {
          const { position, createdAt: at } = delivery.event
          sent = position
          if (await publish(publisher, delivery.event, proving)) continue
          if (!confirmed || confirmed.position < position) await publisher.flush()
          confirmed = { position, at }
        } else if (delivery.kind === 'checkpoint' && sent === (confirmed?.position ?? start ?? 0n)) {
          confirmed = { position: delivery.position, at: new Date().toISOString() }
          sent = delivery.position
        } else if (delivery.kind === 'caught_up') log.debug('caught up with the log')
      }
      if (signal.aborted) await publisher.flush().catch(() => undefined)
      until.throwIfAborted()
    } finally {
      ended.abort()
      await Promise.all([saving, watching, losing])
      await publisher.close()
      if (confirmed)
        await checkpoint
          .save(confirmed.position)
          .catch((error: unknown) =>
            log.warn({ err: error }, 'the last checkpoint could not be saved; some events are sent again'),
          )
    }
  }

  const publish = async (publisher: OrderedPublisher<Place>, event: StoredEvent, proving: Proofs): Promise<boolean> => {
    const publication = publicationOf(event, proving)
    if (!publication) {
      meters.skipped.inc()
      log.error(
        { stream: event.stream, revision: event.revision, type: event.type },
        'an event of a type that is not ours stands in a stream of ours; it is passed over',
      )
      return false
    }
    // The bus has heard what others published, from them.
    const isOfOthers = isReceivedStream(event.stream)
    const isHeard = isOfOthers || event.metadata[restoredMark] === true
    const place = { position: event.position, at: event.createdAt }
    await publisher.publish(place, isHeard ? forOrderedConsumers(publication) : publication)
    meters.relayed.inc({ type: isOfOthers ? event.stream : publication.key }) // what others call theirs are too many
    return true
  }

  /** Rejects once a gap is noted that is not being published again already. */
  const lost = async (known: EventGap | undefined, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await sleep(lookForGapMs, undefined, { signal }).catch(() => undefined)
      const gap = await places.gap()
      if (gap && gap.at !== known?.at) throw new Error('a queue was lost with what it held')
    }
  }

  /** @param open the gap that is being published again, if one is, and where it ends */
  const save = async (
    confirmed: () => Place | undefined,
    signal: AbortSignal,
    open: { gap: EventGap; until: bigint } | undefined,
  ): Promise<void> => {
    let saved: bigint | undefined
    let notedAt = 0
    while (!signal.aborted) {
      await sleep(saveEveryMs, undefined, { signal }).catch(() => undefined)
      const place = confirmed()
      if (!place || place.position === saved) continue
      await checkpoint.save(place.position)
      saved = place.position
      if (open && saved >= open.until) {
        await places.closeGap(open.gap)
        open = undefined
      }
      meters.position.set(Number(place.position))
      if (Date.now() - notedAt < noteEveryMs) continue
      await checkpoint.note(place.position, place.at)
      notedAt = Date.now()
    }
  }

  const relayFor = async (signal: AbortSignal): Promise<void> => {
    for (let failures = 0; !signal.aborted;) {
      const began = Date.now()
      try {
        await relayOnce(signal)
      } catch (error) {
        if (isAborted(signal)) return
        failures = Date.now() - began > 30_000 ? 1 : failures + 1
        meters.restarts.inc()
        log.warn({ reason: messageOf(error), failures }, 'relaying was cut off; goes on from the checkpoint')
        await sleep(Math.min(firstPauseMs * 2 ** (failures - 1), mostPauseMs), undefined, { signal }).catch(
          () => undefined,
        )
      }
    }
  }

  return {
    name: 'relay',
    start: () => {
      running ??= lead(stopping.signal, relayFor)
      return Promise.resolve()
    },
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

/** A function, since the compiler does not know that a signal changes while one waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted
