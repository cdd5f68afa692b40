import { setTimeout as sleep } from 'node:timers/promises'
import { exchanges, migratedBy, type Queue } from '@journey/contracts'
import type { FoundBinding } from '@journey/messaging'
import type { EventGap } from '@journey/read-model'
import { codeOf, messageOf, unavailable, type Log } from '@journey/runtime'

/** Positions in the log that outlive this process. */
export interface HearingPlaces {
  /** Up to where everything was published while all bindings stood. */
  wholeUpTo(): Promise<bigint | undefined>
  saveWholeUpTo(position: bigint): Promise<void>
  /** What is to be published again. Other services note a gap too, when the broker takes a queue from them. */
  gap(): Promise<EventGap | undefined>
  noteGap(from: bigint): Promise<void>
  /** Unless another loss was noted since. */
  closeGap(gap: EventGap): Promise<void>
}

/**
 * Whether every queue that has to hear events does. `mandatory` says nothing while one of several queues is missing, so what is bound
 * is compared with the table.
 */
export interface Hearing {
  /**
   * Resolves once nothing is missing. What is, is declared again; until that helps, nothing may be published. What was published
   * since all bindings last stood is noted as a gap first. While nobody can tell what is bound it resolves too.
   */
  whole(signal: AbortSignal): Promise<void>
  /**
   * Looks again and again until the signal comes.
   *
   * @param confirmed up to where everything is confirmed now
   * @throws unavailable `broker/binding_missing`
   */
  watch(confirmed: () => bigint | undefined, signal: AbortSignal): Promise<void>
  /** Notes a gap if something is missing now; for the moment before declaring mends it. */
  beforeDeclaring(): Promise<void>
  /** For `/ready`: a note while nobody can tell. @throws unavailable `broker/binding_missing` while something is missing */
  check(): Promise<string | undefined>
}

const againEveryMs = 2_000

/** @param missing what is not bound now; undefined where no management API is known. May throw. */
export const createHearing = ({
  missing,
  places,
  declareAgain,
  told,
  log,
  everyMs,
}: {
  missing: () => Promise<readonly string[] | undefined>
  places: HearingPlaces
  declareAgain: () => Promise<void>
  told: (missing: number) => void
  log: Log
  everyMs: number
}): Hearing => {
  let lost: readonly string[] = []
  let note: string | undefined

  /** Undefined when nobody can tell; the last word on what is missing holds then. */
  const look = async (): Promise<readonly string[] | undefined> => {
    try {
      const found = await missing()
      if (found) told((lost = found).length)
      note = found ? undefined : 'not compared: RABBITMQ_MANAGEMENT_URL is not set'
      return found
    } catch (error) {
      if (note === undefined)
        log.warn({ code: codeOf(error), reason: messageOf(error) }, 'what is bound is not known now')
      note = `not compared: ${messageOf(error)}`
      return undefined
    }
  }

  const noteGap = async (bindings: readonly string[]): Promise<void> => {
    const from = await places.wholeUpTo()
    if (from !== undefined) await places.noteGap(from)
    log.error({ bindings, from: from?.toString() }, 'queues do not hear events: their bindings are missing')
  }

  return {
    whole: async (signal) => {
      for (let failures = 0; !signal.aborted; failures++) {
        const found = await look()
        if (!found) return
        if (found.length === 0) {
          if (failures > 0) log.info('all bindings stand again; what was published meanwhile is published again')
          return
        }
        if (failures === 0) await noteGap(found)
        else await sleep(againEveryMs, undefined, { signal }).catch(() => undefined)
        await declareAgain().catch((error: unknown) =>
          log.warn({ code: codeOf(error), reason: messageOf(error) }, 'the bindings could not be put back'),
        )
      }
    },
    watch: async (confirmed, signal) => {
      while (!signal.aborted) {
        const upTo = confirmed() // before looking: what is confirmed meanwhile may be lost
        const found = await look()
        if (found && found.length > 0) throw bindingMissing(found)
        if (found && upTo !== undefined) await places.saveWholeUpTo(upTo)
        await sleep(everyMs, undefined, { signal }).catch(() => undefined)
      }
    },
    beforeDeclaring: async () => {
      const found = await look()
      if (found && found.length > 0 && (await places.wholeUpTo()) !== undefined) await noteGap(found)
    },
    check: () => (lost.length > 0 ? Promise.reject(bindingMissing(lost)) : Promise.resolve(note)),
  }
}

const bindingMissing = (bindings: readonly string[]) =>
  unavailable(
    'broker/binding_missing',
    `Events are not published while queues would not hear them: ${bindings.slice(0, 5).join(', ')}${bindings.length > 5 ? ` and ${bindings.length - 5} more` : ''}. They are declared again by themselves; if that does not help, npm run topology -- plan says more.`,
  )

/** Bindings to the exchanges that events are published to and that queues of the table lack, each as `queue ← exchange: key`. */
export const missingBindings = (queues: readonly Queue[], found: readonly FoundBinding[]): string[] => {
  // A queue that is being changed hears by the one beside it (docs/decisions/0015).
  const bound = new Set(found.map(({ queue, exchange, key }) => nameOf(migratedBy(queue) ?? queue, exchange, key)))
  return queues.flatMap(({ name, bindings }) =>
    bindings
      .filter(({ exchange }) => exchange === exchanges.events.name || exchange === exchanges.received.name)
      .map(({ exchange, key }) => nameOf(name, exchange, key))
      .filter((one) => !bound.has(one)),
  )
}

const nameOf = (queue: string, exchange: string, key: string): string => `${queue} ← ${exchange}: ${key}`
