import { exchanges, readControl } from '@journey/contracts'
import { codeOf, messageOf, unavailable, type Log, type LogLevel, type Part } from '@journey/runtime'
import type { Connection } from './connection.js'
import { createListener } from './listener.js'
import type { Handler } from './pipeline.js'
import type { BusMeters } from './meters.js'
import { growingDelay, sleep } from './waiting.js'

/** Hears the broadcasts of `journey.control`. */
export type Control = Part & {
  /** For `/ready`. @throws unavailable `broker/paused` while the service's consumers are paused, with who did it and why */
  check(): Promise<void>
}

/** The latest order to pause or to resume a service that was written down, if there is one. */
export type Standing = { id: number; action: 'pause' | 'resume'; actor: string; reason: string | null; at: string }

/**
 * Lets an operator pause and resume the consumers of a service, each instance by itself: the messages under way are finished, the
 * others stay in their queues. `reload` is handed on. A broadcast that is none is ignored with a warning.
 *
 * What was written down outlasts an instance: with `standing` one that starts, or was cut off from the broker, does as the latest order
 * says, and consumes nothing before it knows. A bare broadcast holds in the memory of those who heard it.
 *
 * @param reload told the level that a broadcast orders to log at
 * @param pausable whether the service has consumers to pause
 */
export const createControl = ({
  connection,
  service,
  reload = () => undefined,
  standing,
  pausable = true,
  meters,
  log,
}: {
  connection: Connection
  service: string
  reload?: (logLevel: LogLevel | undefined) => void | Promise<void>
  standing?: () => Promise<Standing | undefined>
  pausable?: boolean
  meters?: Pick<BusMeters, 'paused'>
  log: Log
}): Control => {
  let paused: string | undefined
  /** The latest order that is known to be written down. */
  let known: number | undefined
  let heard = 0
  let looking: Promise<void> | undefined
  const stopping = new AbortController()
  if (pausable) meters?.paused.set(0)

  const hold = (why: string | undefined): void => {
    paused = why
    meters?.paused.set(paused === undefined ? 0 : 1)
    if (paused === undefined) connection.resumeConsumers()
    else connection.pauseConsumers()
  }

  const obey = (
    { action, actor, reason }: { action: string; actor?: string | undefined; reason?: string | null | undefined },
    at: string,
  ): void => {
    const by = [actor && `by ${actor}`, `at ${at}`, reason && `(${reason})`]
    hold(action === 'pause' ? `were paused ${by.filter(Boolean).join(' ')}; broadcast resume` : undefined)
  }

  /** What was heard meanwhile is later than what was written down. */
  const look = async (read: () => Promise<Standing | undefined>): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted;) {
      const before = heard
      try {
        const found = await read()
        const isNew = found?.id !== known
        known = found?.id
        if (heard !== before) return
        if (isNew && found) obey(found, found.at)
        else if (paused === unknown) hold(undefined)
        return
      } catch (error) {
        failures++
        if (failures === 1)
          log.warn({ code: codeOf(error) }, 'whether the consumers are paused cannot be read; tried again')
        await sleep(growingDelay(failures, 100, 2_000), stopping.signal)
      }
    }
  }

  const handler: Handler = async ({ body }) => {
    let message
    try {
      message = readControl(body)
    } catch (error) {
      log.warn({ code: codeOf(error), reason: messageOf(error) }, 'a broadcast that is none is ignored')
      return
    }
    const { action, services, reason, actor, log_level } = message
    if (services && !services.includes(service)) return
    log.info({ action, actor, reason, log_level }, 'heard a broadcast')
    if (action === 'reload') return reload(log_level)
    if (!pausable) return
    heard++
    obey(message, new Date().toISOString())
  }
  const listener = createListener({
    connection,
    bindings: [{ exchange: exchanges.control.name, key: '' }],
    handler,
    log,
  })
  let forget = (): void => undefined

  return {
    name: 'control',
    start: async () => {
      if (standing) hold(unknown)
      await listener.start()
      if (!standing) return
      const again = () => (looking = (looking ?? Promise.resolve()).then(() => look(standing)))
      forget = connection.onUp(() => void again())
      void again()
    },
    stop: async () => {
      forget()
      stopping.abort()
      await listener.stop()
      await looking
    },
    check: () =>
      paused === undefined
        ? Promise.resolve()
        : Promise.reject(unavailable('broker/paused', `The consumers ${paused}.`)),
  }
}

const unknown = 'wait until it is known whether somebody paused them'
