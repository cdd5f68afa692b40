import { anyFromBus, type AnyRecorded } from '@journey/contracts'
import { malformed } from '@journey/runtime'

/** Reads a recorded event, ours or of others, with a place in the log; the order of the read model hangs on it. @throws malformed `event/…`, `json/…` */
export const readEvent = (body: Buffer): AnyRecorded => {
  const event = anyFromBus(body)
  if (typeof event.position !== 'string' || !/^\d{1,20}$/.test(event.position))
    throw malformed('event/invalid', `Event ${event.id} has no position in the log`)
  return event
}
