import type { AnyRecorded, Proofs } from '@journey/contracts'
import { readEvent } from '@journey/handlers'
import { retriedOf, type DeadLetterCause, type Message, type Retried } from '@journey/messaging'
import type { Applied, Step } from '@journey/read-model'
import { codeOf, familyOf, messageOf, type Log } from '@journey/runtime'
import type { ProjectorMeters } from './meters.js'

export type ProjectorPorts = {
  /** Applies events, as `createApply` makes it; told the streams that a message came again for. */
  apply: (events: readonly AnyRecorded[], again: ReadonlySet<string>) => Promise<Applied<Step>[]>
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

/** Readings of the event store under way at once for messages without a proof. */
const lookedUpAtOnce = 16

/**
 * Handles a batch of event messages: what can be read is applied in one transaction, what cannot goes to the dead letters after
 * that. Rejects when a server is away; then nothing was applied, or what was is a duplicate the next time.
 *
 * What bears no proof of the relay is a hint and no more: the event that stands there in the event store is applied instead, once all
 * proven ones are, and a message that tells of none is a dead letter. Each takes one reading of one event.
 */
export const createProjector =
  ({ apply, proofs, standing, deadLetter, resolved, meters, service, now, log }: ProjectorPorts) =>
  async (messages: readonly Message[]): Promise<void> => {
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
      const again = new Set<string>()
      const commandTimes = new Map<string, string>()
      const retried: Retried[] = []
      for (const { message, event } of heard) {
        if (message.redelivered) again.add(event.stream)
        const { headers } = message.properties
        if (typeof headers['command-at'] === 'string') commandTimes.set(event.id, headers['command-at'])
        const mark = retriedOf(headers)
        if (mark) retried.push(mark)
      }
      const events = heard.map(({ event }) => event)
      for (const applied of await apply(events, again)) {
        meters.applied(applied, commandTimes)
        for (const { stream, first_revision, code, message } of applied.parkedNow)
          log.error({ stream, revision: first_revision, code, reason: message }, 'a stream was put aside')
        if (applied.healed > 0)
          log.warn({ events: applied.healed }, 'events the bus did not bring were read from the store')
      }
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
