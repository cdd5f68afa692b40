import type { StreamIdentifier, UUID } from '@eventstore/db-client/generated/shared_pb.js'
import { shared } from './generated.js'

/** The stream's name; undefined when it is missing. */
export const nameOf = (identifier: StreamIdentifier | undefined): string | undefined =>
  identifier && Buffer.from(identifier.getStreamName_asU8()).toString('utf8')

export const identifierOf = (name: string): StreamIdentifier => {
  const identifier = new shared.StreamIdentifier()
  identifier.setStreamName(Buffer.from(name))
  return identifier
}

/** A name that events can be stored under. The stream `$$` would be the metastream of a stream without a name. */
export const isStreamName = (name: string | undefined): name is string =>
  name !== undefined && name !== '' && name !== '$$' && !name.includes('\0')

const dashed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const nil = '00000000-0000-0000-0000-000000000000'

/** A uuid as lower-case, dashed text; undefined when it is missing, nil or unreadable. */
export const uuidOf = (uuid: UUID | undefined): string | undefined => {
  const structured = uuid?.getStructured()
  return structured
    ? structuredUuid(BigInt(structured.getMostSignificantBits()), BigInt(structured.getLeastSignificantBits()))
    : textUuid(uuid?.getString() ?? '')
}

/** A uuid in two halves of 64 bits, signed or not, as `uuidOf`. */
export const structuredUuid = (most: bigint, least: bigint): string | undefined => {
  const hex = hexOf(most) + hexOf(least)
  return textUuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))
}

/** A uuid as text, as `uuidOf`. */
export const textUuid = (text: string): string | undefined => {
  const lower = text.toLowerCase()
  return dashed.test(lower) && lower !== nil ? lower : undefined
}

const hexOf = (half: bigint): string => BigInt.asUintN(64, half).toString(16).padStart(16, '0')

export const toUuid = (text: string): UUID => {
  const uuid = new shared.UUID()
  uuid.setString(text)
  return uuid
}
