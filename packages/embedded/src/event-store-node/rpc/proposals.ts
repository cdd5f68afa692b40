import type { AppendReq, BatchAppendReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { ProposedEvent } from '../recorded-event.js'
import { invalidArgument, missingMetadata } from './statuses.js'
import { uuidOf } from './identifiers.js'

/** The most bytes of event data that one append may hold. Types and custom metadata do not count, as in EventStoreDB. */
export const maxAppendBytes = 1 << 20

/** @throws CallFailed when the event has no id, type or content type */
export const toProposed = (message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage): ProposedEvent => {
  const properties = message.getMetadataMap()
  const type = properties.get('type')
  const contentType = properties.get('content-type')
  if (type === undefined || contentType === undefined) throw missingMetadata()
  if (type === '' || type.includes('\0')) throw invalidArgument('An event needs a type, without NUL characters')
  const id = uuidOf(message.getId())
  if (id === undefined) throw invalidArgument('An event needs an id: a uuid that is not nil')
  return {
    id,
    type,
    isJson: contentType === 'application/json',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  }
}
