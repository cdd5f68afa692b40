import type { AnyRecorded, Proofs } from '@journey/contracts'
import { readEvent } from '@journey/handlers'
import { retriedOf, type DeadLetterCause, type Message, type Retried } from '@journey/messaging'
import type { AppliedSlice, Batch, Freed, Step } from '@journey/read-model'
import { codeOf, familyOf, inBatches, messageOf, unavailable, type Log } from '@journey/runtime'
import type { ProjectorMeters } from './meters.js'

export type ProjectorPorts = {
  /** Applies a slice of a batch, as `createApply` makes it; told the streams that a message came again for. */
  apply: (batch: Batch, again: ReadonlySet<string>) => Promise<AppliedSlice<Step>[]>
  proofs: () => Promise<Proofs>
  /** Reads from the event store what an unproven message tells of; `anyStandingOf`. @throws malformed `event/foreign` */
  standing: (claimed: AnyRecorded) => Promise<AnyRecorded>
  /** Publishes a message to its queue's dead letters, confirmed. */
  deadLetter: (message: Message, cause: DeadLetterCause) => Promise<void>
  /** Closes dead letters whose retries could be read this time. */
  resolved: (retried: readonly Retried[]) => Promise<void>
  meters: ProjectorMeters
  service: string
  now: () => Date
  log: Log
}

/** An event off the bus, with the message that told of it. */
type Heard = { message: Message; event: AnyRecorded }
type Unreadable = { message: Message; error: unknown }

/** What one queue brought, as far as it is not applied yet; `streams` are all that it brought anything of. */
type Load = { heard: readonly Heard[]; freed: readonly Freed[]; streams: ReadonlySet<string> }

/** Readings of the event store under way at once for messages without a proof, of each queue. */
const lookedUpAtOnce = 8

/**
 * Handles a batch of event messages of one queue: what can be read is applied, what cannot goes to the dead letters after that. What
 * several queues bring at the same moment is one transaction: it costs about what that of one queue does. Where the bus left a gap that is
 * deeper than a slice, the queue goes on slice by slice, beside the others; so no queue waits for the gap of another one.
 * Rejects when a server is away, or when its channel is gone meanwhile: then the broker brings the messages again, and what was applied of
 * them is a duplicate.
 *
 * What bears no proof of the relay is a hint and no more: the event that stands there in the event store is applied instead, once all
 * proven ones are, and a message that tells of none is a dead letter. Each takes one reading of one event.
 */
export const createProjector = ({
  apply,
  proofs,
  standing,
  deadLetter,
  resolved,
  meters,
  service,
  now,
  log,
}: ProjectorPorts) => {
  const applyTogether = inBatches<Load, Load | undefined>({ most: 64, atOnce: 2 }, async (loads) => {
    const again = new Set<string>()
    const commandTimes = new Map<string, string>()
    for (const { message, event } of loads.flatMap(({ heard }) => heard)) {
      if (message.redelivered) again.add(event.stream)
      const { headers } = message.properties
      if (typeof headers['command-at'] === 'string') commandTimes.set(event.id, headers['command-at'])
    }
    const events = loads.flatMap(({ heard }) => heard.map(({ event }) => event))
    const freed = loads.flatMap((load) => load.freed)
    const slices = await apply({ events, freed }, again)
    for (const applied of slices) {
      meters.applied(applied, commandTimes)
      for (const { stream, first_revision, code, message } of applied.parkedNow)
        log.error({ stream, revision: first_revision, code, reason: message }, 'a stream was put aside')
      if (applied.healed > 0)
        log.warn({ events: applied.healed }, 'events the bus did not bring were read from the store')
    }
    const rests = slices.flatMap(({ rest }) => rest ?? [])
    return loads.map((load) => restOf(load, rests))
  })

  return async (messages: readonly Message[]): Promise<void> => {
    const proving = await proofs()
    const unreadable: Unreadable[] = []
    const proven: Heard[] = []
    const unproven: Heard[] = []
    for (const message of messages) {
      try {
        const heard = { message, event: readEvent(message.body) }
        if (proving.hold(message)) proven.push(heard)
        else unproven.push(heard)
      } catch (error) {
        if (familyOf(error) !== 'malformed') throw error
        unreadable.push({ message, error })
      }
    }
    await applyAll(proven)
    if (unproven.length > 0) await applyAll(await lookUp(unproven))
    await Promise.all(unreadable.map(giveUp))

    async function applyAll(heard: readonly Heard[]): Promise<void> {
      if (heard.length === 0) return
      let load: Load | undefined = { heard, freed: [], streams: new Set(heard.map(({ event }) => event.stream)) }
      while ((load = await applyTogether(load))) {
        if (messages[0]?.signal.aborted)
          throw unavailable('projection/interrupted', 'The queue was lost or let go while a gap was healed')
      }
      const retried = heard.flatMap(({ message }) => retriedOf(message.properties.headers) ?? [])
      if (retried.length > 0) await resolved(retried)
    }

    async function lookUp(unproven: readonly Heard[]): Promise<Heard[]> {
      meters.unproven(unproven.length)
      const found: Heard[] = []
      const look = async ({ message, event }: Heard): Promise<void> => {
        try {
          found.push({ message, event: await standing(event) })
        } catch (error) {
          if (familyOf(error) !== 'malformed') throw error
          unreadable.push({ message, error })
        }
      }
      for (let n = 0; n < unproven.length; n += lookedUpAtOnce)
        await Promise.all(unproven.slice(n, n + lookedUpAtOnce).map(look))
      return found
    }

    async function giveUp({ message, error }: Unreadable): Promise<void> {
      const at = now()
      const code = codeOf(error)
      const reason = code === 'event/unsupported_version' ? 'unsupported_version' : 'malformed'
      await deadLetter(message, {
        reason,
        code,
        message: messageOf(error),
        service,
        attempts: 1,
        firstAt: at,
        lastAt: at,
      })
      meters.unreadable()
      log.error({ code, reason: messageOf(error), messageId: message.properties.messageId }, 'dead-lettered')
    }
  }
}

/** What is left of a queue's load: what is not reached yet of its own messages, and what it lets go on. */
const restOf = ({ heard, streams }: Load, rests: readonly Batch[]): Load | undefined => {
  const events = new Set(rests.flatMap((rest) => rest.events))
  const freed = rests.flatMap((rest) => rest.freed).filter(({ by }) => streams.has(by))
  const left = heard.filter(({ event }) => events.has(event))
  return left.length > 0 || freed.length > 0 ? { heard: left, freed, streams } : undefined
}
