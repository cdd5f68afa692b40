import type { Log, Part } from '@journey/runtime'
import { accessOf, type Users } from '../access.js'
import type { EventLog } from '../event-log.js'
import { unary, type Call } from '../grpc/call.js'
import { grpcServer, type Certificate, type Method } from '../grpc/server.js'
import type { Writer } from '../writer.js'
import { append } from './append.js'
import { batchAppend } from './batch-append.js'
import { readGossip } from './gossip.js'
import { read } from './read.js'
import { softDelete, tombstone } from './remove.js'
import { getSupportedMethods } from './server-features.js'
import { accessDenied, callFailed, shuttingDown, unauthenticated } from './statuses.js'

/** Serves the protocol on one port. Persistent subscriptions, projections and all else answer UNIMPLEMENTED. */
export const protocolServer = (given: {
  host: string
  port: number
  writer: Writer
  log: EventLog
  logger: Log
  /** Without one, connections are not encrypted, and clients send no credentials. */
  certificate?: Certificate | undefined
  /** Who may read and write; nobody named: everyone may. Features and gossip are for everyone: the client asks for them without headers. */
  users?: Users | undefined
}): Part & { address(): { host: string; port: number } } => {
  const { host, port, writer, log, logger, certificate, users = new Map() } = given

  /** For those who may. */
  const guarded =
    (handle: (call: Call) => void) =>
    (call: Call): void => {
      const access = accessOf(call.headers.authorization, users)
      if (access === 'allowed') handle(call)
      else call.fail(access === 'anonymous' ? accessDenied() : unauthenticated())
    }
  const address = (): { host: string; port: number } => ({ host, port: server.port() })
  const methods: Record<string, Method> = {
    '/event_store.client.streams.Streams/Append': { handle: guarded(append(writer)) },
    '/event_store.client.streams.Streams/BatchAppend': { handle: guarded(batchAppend(writer)), livesLong: true },
    '/event_store.client.streams.Streams/Delete': { handle: guarded(unary(softDelete(writer))) },
    '/event_store.client.streams.Streams/Tombstone': { handle: guarded(unary(tombstone(writer))) },
    '/event_store.client.streams.Streams/Read': { handle: guarded(read(log)), livesLong: true },
    '/event_store.client.server_features.ServerFeatures/GetSupportedMethods': { handle: unary(getSupportedMethods) },
    '/event_store.client.gossip.Gossip/Read': { handle: unary(readGossip(address)) },
  }
  const server = grpcServer({ host, port, methods, explain: (error) => callFailed(error, logger), certificate })

  /**
   * Appends that were taken are answered. Then, as a real node does it: long calls end CANCELLED, and the connections close, so
   * that what else is under way sees UNAVAILABLE.
   */
  const stop = (): Promise<void> => server.stop(shuttingDown(), () => writer.drain())

  return { name: 'event store protocol', start: server.start, stop, address }
}
