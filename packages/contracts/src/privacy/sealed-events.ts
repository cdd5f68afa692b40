import { journeyStream } from '@journey/domain'
import { codeOf, type Log } from '@journey/runtime'
import { clientIdPattern } from '../commands/fields.js'
import type { Stored } from '../events/event.js'
import { isStoredType } from '../events/names.js'
import { isReceivedStream } from '../events/received.js'
import { keyIdOf, openBytes, sealBytes, type DataKey } from './box.js'
import { eventShapes } from './event-shapes.js'
import { decodeContent, encodeContent, redact, restore, type Piece, type Shape } from './redaction.js'
import { noClient, type KeyOwner, type Vault } from './vault.js'

/** The field of an event's data that holds what was taken out of it. */
export const sealedField = '$sealed'

type Event = Pick<Stored, 'id' | 'type' | 'data'>

/**
 * The events as they are stored: content taken out, sealed, and put aside in `$sealed`. Those of an erased client are stored
 * without it; only the start of a journey gives such a client a key again.
 */
export const sealEvents = async <One extends Event>(
  vault: Vault,
  stream: string,
  events: readonly One[],
): Promise<One[]> => {
  if (!vault.seals) {
    await vault.keysFor([]) // with sealed events in the store and no key, none must be added in clear
    return [...events]
  }
  const parts = events.map((event) => ({
    event,
    owner: ownerOf(stream, event.data),
    ...redact(event.data, shapeOf(event)),
  }))
  const withContent = parts.filter(({ content }) => content.length > 0)
  const renewed = withContent.filter(({ event }) => event.type === 'JourneyStarted').map(({ owner }) => owner)
  if (renewed.length > 0) await vault.keysFor(renewed, { renew: true })
  const keys = await vault.keysFor(withContent.map(({ owner }) => owner))
  return parts.map(({ event, owner, skeleton, content }) => {
    const key = keys.get(owner)
    if (content.length === 0 || key === undefined) return event
    if (key === 'erased') return { ...event, data: skeleton }
    return { ...event, data: { ...asObject(skeleton), [sealedField]: sealed(key, content, contextOf(stream, event)) } }
  })
}

/**
 * The events as they were before they were sealed; those of an erased client without their content, whether they were sealed
 * or stored in clear before encryption was on. One that does not open, because somebody changed it, stays sealed: whoever
 * decodes it refuses it, malformed, and nothing else is held up.
 *
 * @param unopened told of each of those
 */
export const openEvents = async <One extends Event & { stream: string }>(
  vault: Vault,
  events: readonly One[],
  unopened: (event: One, error: unknown) => void,
): Promise<One[]> => {
  const parts = events.map((event) => ({
    event,
    bytes: sealedIn(event.data),
    owner: ownerOf(event.stream, event.data),
  }))
  const ids = parts.flatMap(({ bytes }) => (bytes && isOurs(bytes) ? [keyIdOf(bytes)] : []))
  const keys = ids.length > 0 ? await vault.keysById([...new Set(ids)]) : new Map<string, never>()
  const inClear = parts.flatMap(({ bytes, owner }) => (bytes || owner === noClient ? [] : [owner]))
  const erased = inClear.length > 0 ? await vault.erasedAmong([...new Set(inClear)]) : new Set<KeyOwner>()
  return parts.map(({ event, bytes, owner }) => {
    if (!bytes) return erased.has(owner) ? { ...event, data: redact(event.data, shapeOf(event)).skeleton } : event
    try {
      const key = keys.get(keyIdOf(bytes))
      const { [sealedField]: _, ...skeleton } = event.data as Record<string, unknown>
      if (key === 'destroyed') return { ...event, data: skeleton }
      const content = decodeContent(openBytes(key!, bytes, contextOf(event.stream, event)))
      return { ...event, data: restore(skeleton, content) }
    } catch (error) {
      unopened(event, error)
      return event
    }
  })
}

/** Seals and opens the events of an event store with the keys of a vault. An event that does not open is told to the log. */
export const sealOf = (vault: Vault, log: Log) => ({
  seal: <One extends Event>(stream: string, events: readonly One[]) => sealEvents(vault, stream, events),
  open: <One extends Event & { stream: string; revision: number }>(events: readonly One[]) =>
    openEvents(vault, events, ({ stream, revision, type }, err) =>
      log.error({ err, code: codeOf(err), stream, revision, type }, 'a sealed event does not open'),
    ),
})

/** Whether anybody who reads the disk can read what an event is not to tell. */
export const hasContentInClear = (event: Event): boolean =>
  sealedIn(event.data) === undefined && redact(event.data, shapeOf(event)).content.length > 0

/** Whether the data is still sealed, and so not the event's. */
export const isSealed = (data: object): boolean => Object.hasOwn(data, sealedField)

/** The store's own, such as a stream's metadata, are for the store to read; of what others made nothing is known. */
const shapeOf = ({ type }: Event): Shape => {
  if (isStoredType(type)) return eventShapes[type]
  return type.startsWith('$') ? 'plain' : {}
}

/** The client that an event, or a snapshot of an aggregate, is about. What others say belongs to none, whomever they name. */
const ownerOf = (stream: string, data: unknown): KeyOwner => {
  if (isReceivedStream(stream)) return noClient
  const named = clientIn(data) ?? clientIn(inside(data, 'state')) ?? clientIn(inside(inside(data, 'state'), 'creation'))
  if (named !== undefined) return named
  const [, ofJourney] = journeyStreams.exec(stream) ?? []
  return ofJourney !== undefined && clientIdPattern.test(ofJourney) ? ofJourney : noClient
}

const journeyStreams = new RegExp(`^(?:snapshot-)?${journeyStream('')}(.*)$`, 's')

const inside = (value: unknown, name: string): unknown =>
  value instanceof Object && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined

const clientIn = (data: unknown): KeyOwner | undefined => {
  const id = inside(data, 'client_id')
  return typeof id === 'string' && clientIdPattern.test(id) ? id : undefined
}

const contextOf = (stream: string, { id, type }: Event): string => JSON.stringify(['event', stream, id, type])

const sealed = (key: DataKey, content: readonly Piece[], context: string): string =>
  sealBytes(key, encodeContent(content), context).toString('base64')

const sealedIn = (data: unknown): Buffer | undefined => {
  const text = inside(data, sealedField)
  return typeof text === 'string' ? Buffer.from(text, 'base64') : undefined
}

const isOurs = (bytes: Buffer): boolean => {
  try {
    keyIdOf(bytes)
    return true
  } catch {
    return false
  }
}

/** Data that is no object has no fields; its content has an empty path then. */
const asObject = (skeleton: unknown): object => (skeleton instanceof Object && !Array.isArray(skeleton) ? skeleton : {})
