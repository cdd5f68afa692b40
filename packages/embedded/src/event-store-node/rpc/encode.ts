import type { Delivery } from '../links.js'
import type { RecordedEvent } from '../recorded-event.js'
import { streams } from './generated.js'
import { identifierOf } from './identifiers.js'
import { bigVarintSize, fieldSize, varintSize, writeBytes, writeHead, writeNumber } from './wire.js'

/**
 * `ReadResp` as bytes. Events are written by hand, since they are nearly all that a node sends and the generated code takes
 * several times as long for them; the rest is left to the generated code.
 */

/** How the reader wants ids: as text, or as two signed 64-bit halves. */
export type UuidForm = 'string' | 'structured'

export const encodeDelivery = ({ event, link }: Delivery, form: UuidForm): Buffer => {
  const eventBytes = event && encodeRecorded(event, form)
  const linkBytes = link && encodeRecorded(link, form)
  const position = (link ?? event)?.position ?? 0n
  const eventSize = eventBytes ? 1 + varintSize(eventBytes.length) + eventBytes.length : 0
  const linkSize = linkBytes ? 1 + varintSize(linkBytes.length) + linkBytes.length : 0
  const size = eventSize + linkSize + 1 + bigVarintSize(position)
  const out = Buffer.allocUnsafe(1 + varintSize(size) + size)
  let at = writeHead(out, 0, 1, size) // ReadResp.event
  if (eventBytes) at = writeBytes(out, at, 1, eventBytes) // ReadEvent.event
  if (linkBytes) at = writeBytes(out, at, 2, linkBytes) // ReadEvent.link
  writeNumber(out, at, 3, position) // ReadEvent.commit_position
  return out
}

const encodeRecorded = (event: RecordedEvent, form: UuidForm): Buffer => {
  const { revision, position, data, metadata } = event
  const stream = Buffer.from(event.stream)
  const type = Buffer.from(event.type)
  const created = String(event.created)
  const id = form === 'string' ? Buffer.from(event.id, 'latin1') : structured(event.id)
  const idTag = form === 'string' ? 2 : 1
  const contentType = event.isJson ? jsonType : binaryType

  const idSize = 1 + varintSize(id.length) + id.length
  const streamSize = 1 + varintSize(stream.length) + stream.length
  const typeSize = entrySize(typeKey, type.length)
  const createdSize = entrySize(createdKey, created.length)
  const contentTypeSize = entrySize(contentTypeKey, contentType.length)
  const size =
    fieldSize(idSize) +
    fieldSize(streamSize) +
    (1 + bigVarintSize(revision)) +
    (1 + bigVarintSize(position)) * 2 +
    fieldSize(typeSize) +
    fieldSize(createdSize) +
    fieldSize(contentTypeSize) +
    (metadata.length > 0 ? fieldSize(metadata.length) : 0) +
    (data.length > 0 ? fieldSize(data.length) : 0)

  const out = Buffer.allocUnsafe(size)
  let at = writeHead(out, 0, 1, idSize) // id
  at = writeBytes(out, at, idTag, id)
  at = writeHead(out, at, 2, streamSize) // stream_identifier
  at = writeBytes(out, at, 3, stream)
  at = writeNumber(out, at, 3, revision) // stream_revision
  at = writeNumber(out, at, 4, position) // prepare_position
  at = writeNumber(out, at, 5, position) // commit_position
  at = writeEntry(out, at, typeSize, typeKey, type)
  at = writeEntry(out, at, createdSize, createdKey, Buffer.from(created, 'latin1'))
  at = writeEntry(out, at, contentTypeSize, contentTypeKey, contentType)
  if (metadata.length > 0) at = writeBytes(out, at, 7, metadata) // custom_metadata
  if (data.length > 0) writeBytes(out, at, 8, data)
  return out
}

const typeKey = Buffer.from('type')
const createdKey = Buffer.from('created')
const contentTypeKey = Buffer.from('content-type')
const jsonType = Buffer.from('application/json')
const binaryType = Buffer.from('application/octet-stream')

/** An entry of the map `metadata`, field 6: key 1, value 2. */
const entrySize = (key: Buffer, length: number): number => fieldSize(key.length) + fieldSize(length)
const writeEntry = (out: Buffer, at: number, size: number, key: Buffer, value: Buffer): number =>
  writeBytes(out, writeBytes(out, writeHead(out, at, 6, size), 1, key), 2, value)

const structured = (id: string): Buffer => {
  const hex = id.replaceAll('-', '')
  const [most, least] = [BigInt(`0x${hex.slice(0, 16)}`), BigInt(`0x${hex.slice(16)}`)]
  const out = Buffer.alloc(2 + bigVarintSize(most) + bigVarintSize(least))
  writeNumber(out, writeNumber(out, 0, 1, most), 2, least)
  return out
}

const toBytes = (response: InstanceType<typeof streams.ReadResp>): Buffer => Buffer.from(response.serializeBinary())

export const encodeConfirmation = (subscriptionId: string): Buffer => {
  const response = new streams.ReadResp()
  const confirmation = new streams.ReadResp.SubscriptionConfirmation()
  confirmation.setSubscriptionId(subscriptionId)
  response.setConfirmation(confirmation)
  return toBytes(response)
}

export const encodeCheckpoint = (position: bigint): Buffer => {
  const response = new streams.ReadResp()
  const checkpoint = new streams.ReadResp.Checkpoint()
  checkpoint.setCommitPosition(String(position))
  checkpoint.setPreparePosition(String(position))
  response.setCheckpoint(checkpoint)
  return toBytes(response)
}

export const encodeCaughtUp = (): Buffer => {
  const response = new streams.ReadResp()
  response.setCaughtUp(new streams.ReadResp.CaughtUp())
  return toBytes(response)
}

export const encodeStreamNotFound = (stream: string): Buffer => {
  const response = new streams.ReadResp()
  const notFound = new streams.ReadResp.StreamNotFound()
  notFound.setStreamIdentifier(identifierOf(stream))
  response.setStreamNotFound(notFound)
  return toBytes(response)
}
