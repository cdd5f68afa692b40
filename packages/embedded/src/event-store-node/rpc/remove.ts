import type { DeleteReq, TombstoneReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { Writer } from '../writer.js'
import { expectedOf } from './append.js'
import { read, shared, streams } from './generated.js'
import { isStreamName, nameOf } from './identifiers.js'
import { invalidArgument, streamDeleted, wrongVersionOnRemoval } from './statuses.js'

/** Soft delete: the stream's metadata hides what it holds; it can be written again. */
export const softDelete =
  (writer: Writer) =>
  async (request: Buffer): Promise<Uint8Array> => {
    const place = await remove(writer, 'delete', read(streams.DeleteReq, request).getOptions())
    const response = new streams.DeleteResp()
    if (place === undefined) response.setNoPosition(new shared.Empty())
    else response.setPosition(at(new streams.DeleteResp.Position(), place))
    return response.serializeBinary()
  }

/** Hard delete: the name can never be used again. */
export const tombstone =
  (writer: Writer) =>
  async (request: Buffer): Promise<Uint8Array> => {
    const place = await remove(writer, 'tombstone', read(streams.TombstoneReq, request).getOptions())
    const response = new streams.TombstoneResp()
    if (place === undefined) response.setNoPosition(new shared.Empty())
    else response.setPosition(at(new streams.TombstoneResp.Position(), place))
    return response.serializeBinary()
  }

/** Unlike an append, a removal at the wrong version is an error status. */
const remove = async (
  writer: Writer,
  kind: 'delete' | 'tombstone',
  options: DeleteReq.Options | TombstoneReq.Options | undefined,
): Promise<bigint | undefined> => {
  const stream = nameOf(options?.getStreamIdentifier())
  if (!options || !isStreamName(stream)) throw invalidArgument(`A ${kind} needs a stream name`)
  const expected = expectedOf(options)
  if (expected === undefined) throw invalidArgument(`A ${kind} needs an expected revision`)
  const outcome = await writer.submit({ kind, stream, expected })
  if (outcome.kind === 'deleted') throw streamDeleted(stream)
  if (outcome.kind === 'wrong_version') throw wrongVersionOnRemoval(stream, expected, outcome.current)
  return outcome.position
}

const at = <T extends { setCommitPosition(value: string): unknown; setPreparePosition(value: string): unknown }>(
  position: T,
  place: bigint,
): T => {
  position.setCommitPosition(String(place))
  position.setPreparePosition(String(place))
  return position
}
