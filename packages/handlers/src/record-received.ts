import { readReceived, receivedType, storedTypeOf, type ReceivedEvent, type ReceivedFamily } from '@journey/contracts'
import { eventIdFor, type EventStore } from '@journey/event-store'
import type { Handler } from '@journey/messaging'
import type { ReceivedId } from '@journey/read-model'
import { malformed } from '@journey/runtime'

/** The ids of what was recorded, kept for good. */
export interface ReceivedIds {
  claim(event: { id: string; digest: string; stream: string }): Promise<ReceivedId>
  note(id: string, revision: number): Promise<void>
}

/** A recorder that died between storing and noting left its event among the last of the stream. */
const lookedThrough = 1_000
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Records an event that others published, in `received-<family>`, under its own id where that is a UUID; the same event again
 * changes nothing, ever. What our own relay published comes by here as well; it stands in its stream already and is let go.
 *
 * @throws malformed as `readReceived`; `event/foreign` for an event of ours that is not stored where it says, `event/id_reused`
 *   for an id that was recorded with other content
 */
export const createRecordReceived =
  ({
    store,
    ids,
    family,
  }: {
    store: Pick<EventStore, 'append' | 'read'>
    ids: ReceivedIds
    family: ReceivedFamily
  }): Handler =>
  async (message) => {
    const event = readReceived(message.body, family)
    if (event.claimed && storedTypeOf(event.type) !== undefined) {
      if (await standsAt(store, event.claimed, event.id)) return
      throw malformed(
        'event/foreign',
        `Event ${event.id} says it is revision ${event.claimed.revision} of ${event.claimed.stream}, which it is not; leave stream and revision out`,
      )
    }
    const known = await ids.claim(event)
    if (known.digest !== event.digest)
      throw malformed(
        'event/id_reused',
        `Event ${event.id} was recorded before with other content; give it an id of its own`,
      )
    if (known.revision !== null) {
      message.fate = 'duplicate'
      return
    }
    const id = storedIdOf(event)
    const before = known.isNew ? undefined : await found(store, event.stream, id)
    const revision = before ?? (await append(store, event, id))
    await ids.note(event.id, revision)
    if (before !== undefined) message.fate = 'duplicate'
    message.log.info({ stream: event.stream, revision, eventId: event.id }, 'event recorded')
  }

const standsAt = async (
  store: Pick<EventStore, 'read'>,
  { stream, revision }: { stream: string; revision: number },
  id: string,
): Promise<boolean> => {
  if (!stream.startsWith('agent-')) return false
  const [there] = await store.read(stream, { from: revision, maxCount: 1 })
  return there?.id === id && there.revision === revision
}

const storedIdOf = ({ id, stream }: ReceivedEvent): string =>
  uuidPattern.test(id) ? id.toLowerCase() : eventIdFor(id, stream, 0)

const found = async (store: Pick<EventStore, 'read'>, stream: string, id: string): Promise<number | undefined> => {
  const last = await store.read(stream, { direction: 'backwards', maxCount: lookedThrough })
  return last.find((one) => one.id === id)?.revision
}

const append = async (store: Pick<EventStore, 'append'>, event: ReceivedEvent, id: string): Promise<number> => {
  const { envelope, version, timestamp, correlationId, causationId } = event
  const { revision } = await store.append(event.stream, 'any', [
    {
      id,
      type: receivedType,
      data: envelope,
      metadata: {
        $correlationId: correlationId,
        $causationId: causationId,
        version,
        timestamp,
        source: envelope.source,
      },
    },
  ])
  return revision
}
