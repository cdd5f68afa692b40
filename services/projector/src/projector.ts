import type { Recorded } from '@journey/contracts'
import { readEvent } from '@journey/handlers'
import { retriedOf, type DeadLetterCause, type Message, type Retried } from '@journey/messaging'
import type { Applied, Step } from '@journey/read-model'
import { codeOf, familyOf, messageOf, type Log } from '@journey/runtime'
import type { ProjectorMeters } from './meters.js'

export type ProjectorPorts = {
  /** Applies events, as `createApply` makes it; told the streams that a message came again for. */
  apply: (events: readonly Recorded[], again: ReadonlySet<string>) => Promise<Applied<Step>[]>
  /** Publishes a message to its queue's dead letters, confirmed. */
  deadLetter: (message: Message, cause: DeadLetterCause) => Promise<void>
  /** Closes dead letters whose retries could be read this time. */
  resolved: (retried: readonly Retried[]) => Promise<void>
  meters: ProjectorMeters
  service: string
  now: () => Date
  log: Log
}

/**
 * Handles a batch of event messages: what can be read is applied in one transaction, what cannot goes to the dead letters after
 * that. Rejects when a server is away; then nothing was applied, or what was is a duplicate the next time.
 */
export const createProjector =
  ({ apply, deadLetter, resolved, meters, service, now, log }: ProjectorPorts) =>
  async (messages: readonly Message[]): Promise<void> => {
    const events: Recorded[] = []
    const retried: Retried[] = []
    const again = new Set<string>()
    const commandTimes = new Map<string, string>()
    const unreadable: { message: Message; error: unknown }[] = []
    for (const message of messages) {
      try {
        const event = readEvent(message.body)
        events.push(event)
        if (message.redelivered) again.add(event.stream)
        const commandAt = message.properties.headers['command-at']
        if (typeof commandAt === 'string') commandTimes.set(event.id, commandAt)
        const mark = retriedOf(message.properties.headers)
        if (mark) retried.push(mark)
      } catch (error) {
        if (familyOf(error) !== 'malformed') throw error
        unreadable.push({ message, error })
      }
    }
    for (const applied of events.length > 0 ? await apply(events, again) : []) {
      meters.applied(applied, commandTimes)
      for (const { stream, first_revision, code, message } of applied.parkedNow)
        log.error({ stream, revision: first_revision, code, reason: message }, 'a stream was put aside')
      if (applied.healed > 0)
        log.warn({ events: applied.healed }, 'events the bus did not bring were read from the store')
    }
    if (retried.length > 0) await resolved(retried)
    for (const { message, error } of unreadable) {
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
