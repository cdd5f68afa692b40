// Histories to fill an event store with: one history that could have happened, told again of many clients.
import { createHash, randomUUID } from 'node:crypto'
import { actions, logOf } from '@journey/read-model/testing'

/** The same moves each time, so that runs can be compared. */
const moves = Array.from({ length: 400 }, (_, n) => ({
  client: 0,
  action: n === 0 ? 'start' : actions[(n * 37) % actions.length],
  pick: (n * 31) % 97,
}))

/** One client's events in order, some 100 to 150 of journey, units of work and an agent. */
const template = logOf(
  moves.filter(({ action }) => action !== 'cancel' && action !== 'cancel_work'),
  'template',
)
const text = JSON.stringify(template)
const workIds = [...new Set(text.match(/[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g))]

export const eventsPerClient = template.length

/** The events of one client under names of its own. */
const historyOf = (client) => {
  let own = text.replaceAll('template-', `${client}-`)
  for (const id of workIds) own = own.replaceAll(id, derivedUuid(client, id))
  return JSON.parse(own)
}

const derivedUuid = (client, id) => {
  const hex = createHash('sha256').update(client).update(id).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}

/** Appends about this many events to an event store, of clients `<name>-0` and on; gives how many, and the last position. */
export const fill = async (store, name, count, tell = () => undefined) => {
  let appended = 0
  let last = 0n
  let next = 0
  const clients = Math.ceil(count / eventsPerClient)
  const one = async () => {
    while (next < clients) {
      const streams = new Map()
      for (const recorded of historyOf(`${name}-${next++}`)) {
        const { event, stream, version, at, source, correlationId, causationId, actor } = recorded
        const metadata = {
          $correlationId: correlationId,
          $causationId: causationId,
          version,
          timestamp: at,
          source,
          actor,
        }
        const own = streams.get(stream) ?? []
        streams.set(stream, own)
        own.push({ id: randomUUID(), type: event.type, data: event.data, metadata })
      }
      for (const [stream, events] of streams) {
        const { position } = await store.append(stream, 'no_stream', events)
        if (position > last) last = position
        appended += events.length
      }
      tell(appended, clients * eventsPerClient)
    }
  }
  await Promise.all(Array.from({ length: 8 }, one))
  return { events: appended, last }
}
