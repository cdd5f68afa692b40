import { inOrder, silentLog, type Log, type Part } from '@journey/runtime'
import type { Registry } from 'prom-client'
import type { Users } from './access.js'
import { EventLog } from './event-log.js'
import { Heads } from './heads.js'
import { createMeters } from './meters.js'
import type { Certificate } from './grpc/server.js'
import { protocolServer } from './rpc/server.js'
import { Tail } from './tail.js'
import { Writer } from './writer.js'

/** Streams whose ends stay in memory, about 300 bytes each. */
const headCapacity = 50_000

/** Recent events in memory, for subscribers near the end of the log. */
const tailLimits = { events: 8_000, bytes: 16 << 20 }

/**
 * An event store that speaks the gRPC protocol of one insecure EventStoreDB node and keeps its events in PostgreSQL, in a schema
 * `event_store` that it makes by itself. An append is answered once it is on disk. One database serves one node.
 *
 * `start` rejects with unavailable `event_store_node/database_in_use` when another node holds the database. When PostgreSQL goes
 * away later, appends are answered UNAVAILABLE (to be repeated with the same event ids), subscriptions wait, and the node goes on
 * by itself. `stop` answers what is queued, ends open calls with CANCELLED and closes the connections.
 */
export const createEventStoreNode = (options: {
  /** Where to listen; port 0 takes any free one. */
  host: string
  port: number
  /** `postgres://…`; the role must be allowed to create a schema. */
  databaseUrl: string
  log?: Log
  /** Gets the node's figures. */
  registry?: Registry
  /** How long to wait for the lock of a node that was killed a moment ago. */
  lockPatienceMs?: number
  /** For TLS. */
  certificate?: Certificate | undefined
  /** Who may read and write; without any, everyone may. */
  users?: Users | undefined
}): Part & {
  /** Where clients find it, once it is started. */
  address(): { host: string; port: number }
  /** Rejects with the reason while appends cannot be taken. */
  ready(): Promise<void>
} => {
  const logger = options.log ?? silentLog()
  const heads = new Heads(headCapacity)
  const tail = new Tail(tailLimits)
  const { databaseUrl, lockPatienceMs = 10_000 } = options
  const log = new EventLog(databaseUrl, heads, tail)
  const meters = createMeters(options.registry, log.followers)
  const writer = new Writer({ databaseUrl, log: logger, heads, tail, meters, lockPatienceMs })
  const { host, port, certificate, users } = options
  const server = protocolServer({ host, port, writer, log, logger, certificate, users })
  const readers: Part = { name: 'event store readers', start: () => Promise.resolve(), stop: () => log.close() }
  const parts = inOrder('event store node', [readers, writer, server], logger)
  return {
    ...parts,
    address: () => server.address(),
    ready: () =>
      writer.isReady
        ? Promise.resolve()
        : Promise.reject(new Error('PostgreSQL is away, or another node holds its lock')),
  }
}
