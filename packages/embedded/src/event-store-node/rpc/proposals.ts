import type { AppendReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { ProposedEvent } from '../recorded-event.js'
import { invalidArgument, missingMetadata } from './statuses.js'
import { uuidOf } from './identifiers.js'

/** The most bytes of event data that one append may hold. Types and custom metadata do not count, as in EventStoreDB. */
export const maxAppendBytes = 1 << 20

/** What a message says of an event; what it leaves out is undefined. */
export type Proposal = {
  readonly id: string | undefined
  readonly type: string | undefined
  readonly contentType: string | undefined
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** @throws CallFailed when the event has no id, type or content type */
export const checkedProposal = ({ id, type, contentType, data, metadata }: Proposal): ProposedEvent => {
  if (type === undefined || contentType === undefined) throw missingMetadata()
  if (type === '' || type.includes('\0')) throw invalidArgument('An event needs a type, without NUL characters')
  if (id === undefined) throw invalidArgument('An event needs an id: a uuid that is not nil')
  return { id, type, isJson: contentType === 'application/json', data, metadata }
}

/** @throws CallFailed as `checkedProposal` */
export const toProposed = (message: AppendReq.ProposedMessage): ProposedEvent => {
  const properties = message.getMetadataMap()
  return checkedProposal({
    id: uuidOf(message.getId()),
    type: properties.get('type'),
    contentType: properties.get('content-type'),
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  })
}
