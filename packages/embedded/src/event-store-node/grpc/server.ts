import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { CallFailed, Code } from './call-failed.js'
import { Call } from './call.js'

/** A certificate and its key, as PEM. */
export type Certificate = { readonly cert: Buffer; readonly key: Buffer }

/** What answers the calls of one path. */
export type Method = {
  readonly handle: (call: Call) => void
  /** Its calls last until one side has enough; they are told when the server stops. */
  readonly livesLong?: boolean
}

/** EventStoreDB's limit. */
const greatestMessage = (16 << 20) - 10_000

/**
 * What a client may have under way unread: on one call, and on its connection. With HTTP/2's own 64 KiB a tenth append of ten events
 * would wait for the first; with much more, clients that are held back could fill the memory.
 */
const callWindow = 256 << 10
const connectionWindow = 1 << 20

/** A peer that is silent is asked whether it lives, and is gone when it does not say so. */
const keepaliveMs = 10_000

/** How long a stop waits for the ends of calls to reach clients that do not read. */
const flushMs = 2_000

/**
 * gRPC's server side (grpc.io, "gRPC over HTTP2") on Node's HTTP/2, as much of it as a node needs: no compression, no reflection.
 * Why not grpc-js: docs/decisions/0020.
 */
export const grpcServer = (options: {
  readonly host: string
  readonly port: number
  /** By path, `/package.Service/Method`; any other is UNIMPLEMENTED. */
  readonly methods: Readonly<Record<string, Method>>
  /** Any error as the status that the client gets. */
  readonly explain: (error: unknown) => CallFailed
  /** Without one, connections are not encrypted. */
  readonly certificate?: Certificate | undefined
}) => {
  const { methods, explain, certificate } = options
  const sockets = new Set<Socket>()
  const longCalls = new Set<Call>()
  let server: Http2Server | undefined
  let farewell: CallFailed | undefined

  const serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    if (!headers['content-type']?.startsWith('application/grpc')) {
      stream.on('error', () => undefined)
      stream.respond({ ':status': 415 }, { endStream: true })
      return
    }
    const path = String(headers[':path'])
    const method = Object.hasOwn(methods, path) ? methods[path] : undefined
    const explained = (error: unknown): CallFailed => (farewell && method?.livesLong ? farewell : explain(error))
    const call = new Call(stream, headers, { greatestMessage, explain: explained })
    const encoding = headers['grpc-encoding'] ?? 'identity'
    if (!method) call.fail(unimplemented(`The server does not implement the method ${path}`))
    else if (encoding !== 'identity') call.fail(unimplemented(`The encoding ${String(encoding)} is not supported`))
    else {
      limitTime(stream, call, headers['grpc-timeout'])
      if (method.livesLong) {
        longCalls.add(call)
        stream.once('close', () => longCalls.delete(call))
      }
      method.handle(call)
    }
  }

  const start = async (): Promise<void> => {
    const settings = { initialWindowSize: callWindow }
    const maxSessionMemory = Number.MAX_SAFE_INTEGER // what a call may hold is bounded by its window and its high-water mark
    const listening = certificate
      ? createSecureServer({ ...certificate, settings, maxSessionMemory })
      : createServer({ settings, maxSessionMemory })
    listening.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => undefined) // the peer is gone; its calls are told by HTTP/2
    })
    listening.on('secureConnection', (socket: Socket) => socket.on('error', () => undefined))
    listening.on('sessionError', () => undefined)
    listening.on('session', (session) => {
      session.setLocalWindowSize(connectionWindow)
      keepAlive(session)
    })
    listening.on('stream', serve)
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject)
      listening.listen(options.port, options.host, resolve)
    })
    server = listening
  }

  /**
   * Takes no more connections, and lets what is under way be settled. Then long calls end with this status, and the connections close
   * under all other calls.
   */
  const stop = async (status: CallFailed, settled: () => Promise<void>): Promise<void> => {
    const listening = server
    if (!listening) return
    server = undefined
    farewell = status
    const closed = new Promise((resolve) => listening.close(resolve))
    await settled()
    await nextTurn() // the last answers are on their way
    for (const call of longCalls) call.fail(status)
    const flushed = Date.now() + flushMs
    while (longCalls.size > 0 && Date.now() < flushed) await sleep(10)
    for (const socket of sockets) socket.destroy()
    await closed
  }

  return {
    start,
    stop,
    /** Where it listens, once it is started. */
    port: () => (server?.address() as AddressInfo | null | undefined)?.port ?? options.port,
  }
}

const unimplemented = (details: string): CallFailed => new CallFailed(Code.UNIMPLEMENTED, details)

const keepAlive = (session: ServerHttp2Session): void => {
  let limit: NodeJS.Timeout | undefined
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return
    limit ??= setTimeout(() => session.destroy(), keepaliveMs).unref()
    session.ping(() => {
      clearTimeout(limit)
      limit = undefined
    })
  }, keepaliveMs).unref()
  session.once('close', () => {
    clearInterval(timer)
    clearTimeout(limit)
  })
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
const longestTimerMs = 2 ** 31 - 1

/** The time a client gives a call, `10S`: then it ends. */
const limitTime = (stream: ServerHttp2Stream, call: Call, timeout: string | string[] | undefined): void => {
  const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(timeout ?? '')) ?? []
  if (amount === undefined) return
  const ms = Math.min(Number(amount) * (units[unit] ?? 1), longestTimerMs)
  const timer = setTimeout(() => call.fail(new CallFailed(Code.DEADLINE_EXCEEDED, 'Deadline exceeded')), ms)
  stream.once('close', () => clearTimeout(timer))
}
