import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net'
import grpc, { type sendUnaryData, type ServiceDefinition } from '@grpc/grpc-js'
import type { Log, Part } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'
import { accessOf, type Users } from '../access.js'
import type { EventLog } from '../event-log.js'
import type { Writer } from '../writer.js'
import { append } from './append.js'
import { batchAppend } from './batch-append.js'
import { featuresService, gossipService, streamsService } from './generated.js'
import { readGossip } from './gossip.js'
import { read } from './read.js'
import { softDelete, tombstone } from './remove.js'
import { getSupportedMethods } from './server-features.js'
import { accessDenied, callFailed, shuttingDown, unauthenticated, type CallFailed } from './statuses.js'

const options: grpc.ServerOptions = {
  'grpc.max_receive_message_length': (16 << 20) - 10_000,
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 10_000,
}

/** The answers to a read come as bytes. */
const streamsWithRawReads: ServiceDefinition = {
  ...streamsService.StreamsService,
  read: { ...streamsService.StreamsService.read, responseSerialize: (bytes: Buffer) => bytes },
}

/** A call that lives long: it is told when the server stops. */
type LongCall = {
  emit(event: 'error', error: Error): boolean
  once(event: 'close' | 'cancelled', f: () => void): unknown
}

/** A certificate and its key, as PEM. */
export type Certificate = { readonly cert: Buffer; readonly key: Buffer }

type WithHeaders = { readonly metadata: grpc.Metadata }

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
  const { writer, log, logger } = given
  let isStopping = false
  const fail = (error: unknown): Error => callFailed(error, logger)
  const failLong = (error: unknown): Error => (isStopping ? shuttingDown() : fail(error))
  const longCalls = new Set<LongCall>()
  const sockets = new Set<Socket>()
  let tcp: TcpServer | undefined
  let server: grpc.Server | undefined

  const tracked =
    <Call extends LongCall>(handle: (call: Call) => void) =>
    (call: Call): void => {
      longCalls.add(call)
      for (const event of ['close', 'cancelled'] as const) call.once(event, () => longCalls.delete(call))
      handle(call)
    }
  const refusalOf = ({ metadata }: WithHeaders): CallFailed | undefined => {
    const access = accessOf(metadata.get('authorization')[0]?.toString(), given.users ?? new Map())
    return access === 'allowed' ? undefined : access === 'anonymous' ? accessDenied() : unauthenticated()
  }
  /** A call that gets one answer, for those who may. */
  const guarded =
    <Call extends WithHeaders, Answer>(handle: (call: Call, answer: sendUnaryData<Answer>) => void) =>
    (call: Call, answer: sendUnaryData<Answer>): void => {
      const refusal = refusalOf(call)
      if (refusal) answer(refusal)
      else handle(call, answer)
    }
  /** A call that gets many. */
  const guardedLong = <Call extends LongCall & WithHeaders>(handle: (call: Call) => void) =>
    tracked((call: Call): void => {
      const refusal = refusalOf(call)
      if (refusal) call.emit('error', refusal)
      else handle(call)
    })
  const address = (): { host: string; port: number } => {
    const bound = tcp?.address() as AddressInfo | null | undefined
    return { host: given.host, port: bound?.port ?? given.port }
  }

  const start = async (): Promise<void> => {
    server = new grpc.Server(options)
    server.addService(streamsWithRawReads, {
      append: guarded(append(writer, fail)),
      batchAppend: guardedLong(batchAppend(writer, failLong)),
      delete: guarded(softDelete(writer, fail)),
      tombstone: guarded(tombstone(writer, fail)),
      read: guardedLong(read(log, failLong)),
    })
    server.addService(featuresService.ServerFeaturesService, { getSupportedMethods })
    server.addService(gossipService.GossipService, { read: readGossip(address) })
    const injector = server.createConnectionInjector(credentialsFrom(given.certificate))
    const listening = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => undefined) // the peer is gone; its calls are told by HTTP/2
      injector.injectConnection(socket)
    })
    tcp = listening
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject)
      listening.listen(given.port, given.host, resolve)
    })
  }

  /**
   * Appends that were taken are answered. Then, as a real node does it: long calls end CANCELLED, and the connections close, so
   * that what else is under way sees UNAVAILABLE.
   */
  const stop = async (): Promise<void> => {
    const listening = tcp
    if (!listening) return
    tcp = undefined
    isStopping = true
    const closed = new Promise((resolve) => listening.close(resolve))
    await writer.drain()
    for (const call of longCalls) call.emit('error', shuttingDown())
    const flushed = Date.now() + flushMs
    while (longCalls.size > 0 && Date.now() < flushed) await sleep(10)
    for (const socket of sockets) socket.destroy()
    await closed
    server?.forceShutdown()
  }

  return { name: 'event store protocol', start, stop, address }
}

/** How long a stop waits for the ends of calls to reach clients that do not read. */
const flushMs = 2_000

const credentialsFrom = (certificate: Certificate | undefined): grpc.ServerCredentials =>
  certificate
    ? grpc.ServerCredentials.createSsl(null, [{ private_key: certificate.key, cert_chain: certificate.cert }])
    : grpc.ServerCredentials.createInsecure()
