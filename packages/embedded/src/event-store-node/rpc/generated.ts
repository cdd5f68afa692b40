import { Unreadable } from './wire.js'

/** The protocol's messages and services as the client's own package defines them. They are CommonJS, so the default is the module. */
export { default as codes } from '@eventstore/db-client/generated/code_pb.js'
export { default as gossip } from '@eventstore/db-client/generated/gossip_pb.js'
export { default as features } from '@eventstore/db-client/generated/serverfeatures_pb.js'
export { default as shared } from '@eventstore/db-client/generated/shared_pb.js'
export { default as statusMessages } from '@eventstore/db-client/generated/status_pb.js'
export { default as streams } from '@eventstore/db-client/generated/streams_pb.js'

/** @throws Unreadable */
export const read = <T>(type: { deserializeBinary(bytes: Uint8Array): T }, bytes: Buffer): T => {
  try {
    return type.deserializeBinary(bytes)
  } catch (error) {
    throw new Unreadable('the generated code cannot read it', { cause: error })
  }
}
