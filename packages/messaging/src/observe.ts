import type { BusMeters } from './meters.js'
import type { Middleware } from './pipeline.js'

/** Counts messages by queue and fate, and times their handling, waits included. Belongs outermost. */
export const observe =
  ({ consumed, handling }: BusMeters): Middleware =>
  (next) =>
  async (message) => {
    const { queue } = message
    const stopTimer = handling.startTimer({ queue })
    try {
      await next(message)
      consumed.inc({ queue, outcome: message.fate ?? 'handled' })
    } catch (error) {
      consumed.inc({ queue, outcome: message.fate ?? 'abandoned' })
      throw error
    } finally {
      stopTimer()
    }
  }
