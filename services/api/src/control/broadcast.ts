import { exchanges, type ControlMessage } from '@journey/contracts'
import type { Publisher } from '@journey/messaging'
import {
  noteControl,
  withdrawControl,
  type ControlActionRow,
  type Database,
  type NewControlAction,
} from '@journey/read-model'
import { messageOf, type Log, type LogLevel } from '@journey/runtime'

export type Broadcasting = NewControlAction & { logLevel: LogLevel | undefined }

/**
 * Writes down what operators want of the services, then tells every instance that hears now; who starts later reads it. Safe to repeat.
 *
 * @throws unavailable `broker/…`, `database/…`: it holds for nobody
 */
export type Broadcast = (wanted: Broadcasting) => Promise<ControlActionRow>

export const createBroadcast =
  ({ db, publisher, log }: { db: Database['db']; publisher: Publisher; log: Log }): Broadcast =>
  async (wanted) => {
    const { action, services, logLevel, reason, actor } = wanted
    const row = await noteControl(db, wanted)
    const message: ControlMessage = {
      action,
      ...(services && { services }),
      ...(reason !== undefined && { reason }),
      actor: actor.id,
      ...(logLevel !== undefined && { log_level: logLevel }),
    }
    try {
      await publisher.publish(
        exchanges.control.name,
        '',
        Buffer.from(JSON.stringify(message)),
        {},
        { mandatory: false },
      )
    } catch (error) {
      await withdrawControl(db, row.id).catch((failure: unknown) =>
        log.warn({ id: row.id, reason: messageOf(failure) }, 'a broadcast that was not sent stays written down'),
      )
      throw error
    }
    log.info({ action, services, logLevel, reason, actor }, 'broadcast to the services')
    return row
  }
