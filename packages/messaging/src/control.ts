import { exchanges, readControl } from '@journey/contracts'
import { codeOf, messageOf, unavailable, type Log, type Part } from '@journey/runtime'
import type { Connection } from './connection.js'
import { createListener } from './listener.js'
import type { Handler } from './pipeline.js'
import type { BusMeters } from './meters.js'

/** Hears the broadcasts of `journey.control`. */
export type Control = Part & {
  /** For `/ready`. @throws unavailable `broker/paused` while the service's consumers are paused, with who did it and why */
  check(): Promise<void>
}

/**
 * Lets an operator pause and resume the consumers of a service, each instance by itself: the messages under way are finished, the
 * others stay in their queues. `reload` is handed on. A broadcast that is none is ignored with a warning. A pause holds in the memory of
 * those who heard it: an instance that starts later is not paused.
 */
export const createControl = ({
  connection,
  service,
  reload = () => Promise.resolve(),
  meters,
  log,
}: {
  connection: Connection
  service: string
  reload?: () => Promise<void>
  meters: BusMeters
  log: Log
}): Control => {
  let paused: string | undefined
  meters.paused.set(0)

  const handler: Handler = async ({ body }) => {
    let message
    try {
      message = readControl(body)
    } catch (error) {
      log.warn({ code: codeOf(error), reason: messageOf(error) }, 'a broadcast that is none is ignored')
      return
    }
    const { action, services, reason, actor } = message
    if (services && !services.includes(service)) return
    log.info({ action, actor, reason }, 'heard a broadcast')
    if (action === 'reload') return reload()
    const by = [actor && `by ${actor}`, `at ${new Date().toISOString()}`, reason && `(${reason})`]
    paused = action === 'pause' ? by.filter(Boolean).join(' ') : undefined
    meters.paused.set(paused === undefined ? 0 : 1)
    if (paused === undefined) connection.resumeConsumers()
    else connection.pauseConsumers()
  }
  const listener = createListener({
    connection,
    bindings: [{ exchange: exchanges.control.name, key: '' }],
    handler,
    log,
  })

  return {
    name: 'control',
    start: () => listener.start(),
    stop: () => listener.stop(),
    check: () =>
      paused === undefined
        ? Promise.resolve()
        : Promise.reject(unavailable('broker/paused', `The consumers were paused ${paused}; broadcast resume.`)),
  }
}
