import { fromBus, type Recorded } from '@journey/contracts'
import { malformed } from '@journey/runtime'

/** Reads an event of ours with a place in the log; the order of the read model hangs on it. @throws malformed `event/…`, `json/…` */
export const readEvent = (body: Buffer): Recorded => {
  const event = fromBus(body)
  if (typeof event.position !== 'string' || !/^\d{1,20}$/.test(event.position))
    throw malformed('event/invalid', `Event ${event.id} has no position in the log`)
  return event
}
