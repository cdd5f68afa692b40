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
  if (structured) {
    const hex = hexOf(structured.getMostSignificantBits()) + hexOf(structured.getLeastSignificantBits())
    return readable(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))
  }
  return readable(uuid?.getString().toLowerCase() ?? '')
}

const readable = (text: string): string | undefined => (dashed.test(text) && text !== nil ? text : undefined)
const hexOf = (signed: string): string => BigInt.asUintN(64, BigInt(signed)).toString(16).padStart(16, '0')

export const toUuid = (text: string): UUID => {
  const uuid = new shared.UUID()
  uuid.setString(text)
  return uuid
}
