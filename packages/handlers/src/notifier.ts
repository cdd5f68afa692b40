import type { HeardEvent, Recorded } from '@journey/contracts'
import { derivedId } from '@journey/domain'
import type { Handler, Message } from '@journey/messaging'
import type { NewDelivery } from '@journey/read-model'
import { malformed } from '@journey/runtime'
import type { Channel } from './channel.js'

export type NotifierOptions = {
  /** Reads the event, so that nobody but our relay can tell one. @throws malformed `event/…`, `json/…` */
  read: (message: HeardEvent) => Promise<Recorded>
  channels: readonly Channel[]
  /** Stores an intent; false if it was stored before. */
  store: (delivery: NewDelivery) => Promise<boolean>
  /** Told of each new intent: it is due, or kept for the record where its channel is off. */
  stored: (channel: Channel) => void
  /**
   * Whether what comes is a replay: then each event is told again, once for each `x-replay-id`. Nobody else's word on that counts,
   * so live events are never taken for replayed ones.
   */
  isReplay?: boolean
}

/**
 * Turns an event into stored intents, one for each channel that hears of it; the event is acknowledged once they are stored,
 * and what is stored is sent however often we crash. An event that comes again stores nothing again,
 * unless a replay brings it.
 *
 * @throws malformed `event/…`, `json/…`
 */
export const createNotifier =
  ({ read, channels, store, stored, isReplay = false }: NotifierOptions): Handler =>
  async (message) => {
    const event = await read(message)
    if (!uuid.test(event.id))
      throw malformed('event/invalid', `The id of a ${event.event.type} is not a UUID: ${event.id.slice(0, 100)}`)
    const replayId = isReplay ? replayOf(message) : undefined
    const news: boolean[] = []
    for (const channel of channels) {
      const notification = channel.tell(event)
      if (!notification) continue
      const isNew = await store({
        deliveryId: derivedId('delivery', event.id, channel.name, ...(replayId === undefined ? [] : [replayId])),
        eventId: event.id,
        replayId,
        channel: channel.name,
        target: channel.target,
        state: channel.isEnabled ? 'pending' : 'disabled',
        ...notification,
      })
      news.push(isNew)
      if (isNew) stored(channel)
    }
    if (news.length > 0 && !news.includes(true)) message.fate = 'duplicate'
  }

const replayOf = ({ properties }: Message): string => {
  const id = properties.headers['x-replay-id']
  if (typeof id === 'string' && uuid.test(id)) return id
  throw malformed('event/invalid', 'A replayed event names its replay in the header x-replay-id')
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
