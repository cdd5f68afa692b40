import { familyQueue, receivedFamilies, type AnyRecorded, type HeardEvent, type Recorded } from '@journey/contracts'
import { notingStore, type EventStore } from '@journey/event-store'
import { createNotifier, createRecordReceived, type Channel } from '@journey/handlers'
import type { Message } from '@journey/messaging'
import { claimReceivedId, noteReceived, rehearse, storeDelivery, type Database } from '@journey/read-model'
import type { Forecast, Foreseen } from './forecast.js'

/** Reads an event as its consumer does: a proven one as it came, any other as the event store has it. @throws malformed `event/…`, `json/…` */
export type ReadHeard<Event extends AnyRecorded = Recorded> = (message: HeardEvent) => Promise<Event>

/** Stores what the world outside would be told, as the notifier does, and takes it back. Nothing is sent. @throws malformed `event/…`, `json/…` */
export const foreseeNotifications = async (
  { db, channels, read }: { db: Database['db']; channels: readonly Channel[]; read: ReadHeard },
  message: Message,
  isReplay: boolean,
): Promise<Foreseen> => {
  const deliveries: Forecast['deliveries'] = []
  await rehearse(db, (transaction) =>
    createNotifier({
      read,
      channels,
      store: async (delivery) => {
        const isNew = await storeDelivery(transaction, delivery)
        // As it is kept: of an erased client nothing is told.
        const kept = await transaction
          .selectFrom('deliveries')
          .select(['delivery_id', 'channel', 'target', 'event_type', 'client_id', 'state', 'payload', 'sealed'])
          .where('delivery_id', '=', delivery.deliveryId)
          .executeTakeFirst()
        const { channel, target, event_type, payload } = kept ?? { ...delivery, event_type: delivery.eventType }
        const state = isNew ? (kept?.state ?? delivery.state) : delivery.state
        deliveries.push({ channel, target, event_type, state, known: !isNew, payload })
        return isNew
      },
      stored: () => undefined,
      isReplay,
    })(message),
  )
  const fresh = deliveries.filter(({ known }) => !known)
  const told = fresh.map(({ event_type, channel, target, state }) =>
    state === 'disabled' ? `${event_type} for ${channel}, which is off` : `${event_type} to ${channel} at ${target}`,
  )
  if (fresh.length > 0) return { outcome: 'changes', says: `It would be kept and told: ${told.join(', ')}`, deliveries }
  const says = deliveries.length > 0 ? 'Every channel was told before' : 'No channel hears of such an event'
  return { outcome: 'nothing', says, deliveries }
}

/** Records an event of others as the command-handler does, and takes it back. @throws malformed `event/…`, `json/…` */
export const foreseeRecording = async (
  { db, store }: { db: Database['db']; store: EventStore },
  message: Message,
): Promise<Foreseen> => {
  const family = receivedFamilies.find((one) => familyQueue(one) === message.queue)!
  const noting = notingStore(store)
  await rehearse(db, (transaction) =>
    createRecordReceived({
      store: noting.store,
      ids: {
        claim: (event) => claimReceivedId(transaction, event),
        note: (id, revision) => noteReceived(transaction, id, revision),
      },
      family,
    })(message),
  )
  const events = noting.noted.map(({ type, stream, revision, data }) => ({ type, stream, revision, data }))
  const [event] = events
  if (!event) return { outcome: 'nothing', says: 'It stands in its stream already' }
  return { outcome: 'changes', says: `It would be recorded in ${event.stream} at revision ${event.revision}`, events }
}
