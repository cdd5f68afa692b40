import type { Received, Recorded } from '@journey/contracts'
import { detailsOf, textIn } from '../received-events/fields.js'
import { placeOf } from '../received-events/projection.js'
import type { NotificationRow } from './table.js'

export const notificationRow = (recorded: Recorded<Received>): NotificationRow | undefined => {
  const { event_type, data } = recorded.event.data
  if (!event_type.startsWith('notification.')) return undefined
  const columns = {
    channel: textIn(data, 'channel'),
    recipient: textIn(data, 'recipient'),
    template: textIn(data, 'template'),
  }
  return { ...placeOf(recorded), event_type, ...columns, at: recorded.at, details: detailsOf(data, columns) }
}
