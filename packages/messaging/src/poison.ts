import { createHash } from 'node:crypto'
import { malformed, messageOf } from '@journey/runtime'
import type { Message } from './message.js'
import type { Middleware } from './pipeline.js'
import { retriedOf } from './retried.js'

/** How often a message may take its process with it. */
export const mostDeaths = 5

/** Where it is written down what was begun: a place that outlives this process. All of it may throw `unavailable`. */
export interface Begun {
  /** How often it was begun before and never ended, and since when. */
  deaths(queue: string, subject: string): Promise<{ times: number; firstAt: Date } | undefined>
  /** It is begun now. */
  note(queue: string, subject: string): Promise<void>
  /** It came to an end that was no death, and may come again. */
  takeBack(queue: string, subject: string): Promise<void>
  /** It is done for good. */
  forget(queue: string, subject: string): Promise<void>
}

/**
 * Finds messages that kill the process that handles them. What comes again is written down as begun before it is handled, and
 * crossed out at its end: so a lost connection counts nothing, and only a process that died in between leaves its mark. What has a
 * mark is handled alone among its like, since those that were under way beside a killer are marked with it and must not be blamed
 * twice. The first death of all leaves no mark: what does not come again costs nothing.
 *
 * Belongs inside of `settle`, around the handler. A message that was begun `mostDeaths` times in vain is not begun again:
 *
 * @throws malformed `message/poison`
 */
export const stopPoison = (begun: Begun): Middleware => {
  let line: Promise<unknown> = Promise.resolve()
  const alone = (work: () => Promise<void>): Promise<void> => {
    const turn = line.then(work)
    line = turn.catch(() => undefined)
    return turn
  }
  return (next) => async (message) => {
    if (!message.redelivered) return next(message)
    const { queue } = message
    const subject = subjectOf(message)
    const watched = async (): Promise<void> => {
      message.signal.throwIfAborted()
      await begun.note(queue, subject)
      try {
        await next(message)
      } catch (error) {
        await begun.takeBack(queue, subject).catch(untold(message))
        throw error
      }
      await begun.forget(queue, subject).catch(untold(message))
    }
    const deaths = await begun.deaths(queue, subject)
    if (!deaths || deaths.times < 1) return watched()
    message.deaths = deaths
    if (deaths.times >= mostDeaths)
      throw malformed(
        'message/poison',
        `It was begun ${deaths.times} times, and each time the process that handled it died. Look there for the cause, then retry it.`,
      )
    return alone(watched)
  }
}

/** The message, its retry as a dead letter included: that one starts afresh. */
const subjectOf = ({ properties: { messageId = '', headers }, body }: Message): string =>
  createHash('sha256')
    .update(`${messageId}\0${retriedOf(headers)?.retry ?? 0}\0`)
    .update(body)
    .digest('hex')

/** The mark stays then, one too many; it goes with the end of the message's next delivery. */
const untold =
  (message: Message) =>
  (error: unknown): void =>
    message.log.warn({ reason: messageOf(error) }, 'the end of a message could not be written down')
