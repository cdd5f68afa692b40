import type { Topology } from '@journey/contracts'
import { Fault, malformed, unavailable, type Log, type Part } from '@journey/runtime'
import type { Duplex } from 'node:stream'
import { connect, type Channel, type ChannelModel, type ConfirmChannel } from 'amqplib'
import { watched, type Open } from './channel.js'
import { brokerFault } from './faults.js'
import { gatherWrites } from './gather-writes.js'
import { declareTopology } from './topology/declare.js'
import { deferred, growingDelay, sleep, within } from './waiting.js'

/** What the broker says of itself at the handshake. */
export type Server = { readonly product: string; readonly version: string }

/**
 * The one connection of a service, shared by its channels. It connects again by itself, for ever, with a growing delay, and
 * declares the topology anew each time before anyone hears that it is up.
 */
export interface Connection extends Part {
  /**
   * Resolves once connected and declared; waits as long as the broker is away, or has something of the table otherwise
   * (`broker/topology_drift`, told by `check` and the log): `npm run topology -- apply` mends that, and the start goes on.
   *
   * @throws unavailable `broker/access_refused`: an operator must act, so a start does not wait
   * @throws unavailable `broker/stopped`: `stop()` came first
   */
  start(): Promise<void>
  /** Stops consumers, then publishers, each drained; then disconnects. */
  stop(): Promise<void>
  /** For `/ready`. @throws unavailable `broker/away` or the reason why not, `broker/blocked` while the broker takes no publishes */
  check(): Promise<void>
  readonly isUp: boolean
  /** Why the broker takes no publishes now: out of memory or disk. */
  readonly blocked: string | undefined
  /** Listeners run at every connect and disconnect; each call returns the way to take the listener away. */
  onUp(listener: (server: Server) => void): () => void
  onDown(listener: (fault: Fault) => void): () => void
  onBlocked(listener: (reason: string | undefined) => void): () => void
  /**
   * Declares more than the table given at the start, now and at every reconnect; for queues that come and go.
   *
   * @throws unavailable `broker/topology_drift`, `broker/access_refused`, `broker/away`: then it is not kept either
   */
  declare(more: Topology): Promise<void>
  /** Declares everything again, after the broker lost a queue. */
  declareAgain(): Promise<void>
  /** Resolves while up, or once up. @throws unavailable `broker/stopped` */
  whenUp(): Promise<void>
  /** Ends all consuming, once the messages under way are handled, until `resumeConsumers`; listeners hear on. Safe to repeat. */
  pauseConsumers(): void
  resumeConsumers(): void
  /** Resolves while consumers may consume, or once they may. */
  whenResumed(): Promise<void>
  /** Resolves while consumers are paused, or once they are. */
  whenPaused(): Promise<void>
  /** Opens a channel now. @throws unavailable `broker/away` at once while down */
  channel(): Promise<Open<Channel>>
  /** The same, with publisher confirms. */
  confirmChannel(): Promise<Open<ConfirmChannel>>
  /** Called by `stop()` before disconnecting, the latest first. */
  beforeStop(drain: () => Promise<void>): () => void
}

export type ConnectionOptions = {
  /** `amqp://user:password@host:port/vhost`, or several of one cluster with commas between, tried in turn. */
  url: string
  /** Shown by the broker as the connection's name; the service's own. */
  name: string
  log: Log
  /** What to declare, by the broker's version; see `topologyFor` and `ownedBy` of the contracts. */
  topology?: (server: Server) => Topology | Promise<Topology>
  /** Around each declaring of the table: holds still what `topology` asks meanwhile. */
  whileDeclaring?: (declare: () => Promise<void>) => Promise<void>
  /** EX-MQ.1 of the requirements. */
  heartbeatSeconds?: number
  firstDelayMs?: number
  mostDelayMs?: number
}

/** A handshake that takes longer is tried again. */
const handshakeLimitMs = 10_000
/** A broker that does not answer the farewell is left without one. */
const farewellLimitMs = 3_000

export const createConnection = (options: ConnectionOptions): Connection => {
  const { name, log, heartbeatSeconds = 60, firstDelayMs = 100, mostDelayMs = 5_000 } = options
  const urls = addressesIn(options.url).map((url) => withHeartbeat(url, heartbeatSeconds))
  const upListeners = new Set<(server: Server) => void>()
  const downListeners = new Set<(fault: Fault) => void>()
  const blockedListeners = new Set<(reason: string | undefined) => void>()
  const drains: (() => Promise<void>)[] = []
  const declared = new Map<string, Topology>()
  const stopping = new AbortController()
  const isStopping = (): boolean => stopping.signal.aborted
  let resumed = deferred()
  let paused = deferred()
  resumed.resolve()
  let isPaused = false
  let model: ChannelModel | undefined
  let blocked: string | undefined
  let fault: Fault = unavailable('broker/away', `The broker has not been reached yet by ${name}.`)
  let up = deferred()
  let running: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  up.promise.catch(() => undefined)

  const { topology, whileDeclaring = (declare: () => Promise<void>) => declare() } = options

  const declareAll = (on: ChannelModel): Promise<void> =>
    whileDeclaring(async () => {
      const own = topology ? [await topology(serverOf(on))] : []
      await declareOn(on, [...own, ...declared.values()])
    })

  const declareOn = async (on: ChannelModel, what: readonly Topology[]): Promise<void> => {
    const open = await opening(() => on.createChannel())
    try {
      for (const table of what) await declareTopology(open.channel, table)
    } finally {
      await open.close()
    }
  }

  const opening = async <C extends Channel>(create: () => Promise<C>): Promise<Open<C>> => {
    try {
      return watched(await create())
    } catch (error) {
      throw brokerFault(error, 'opening a channel')
    }
  }

  /** One life of the connection: resolves with its end, rejects when it never came to be. */
  const live = async (url: string): Promise<Fault> => {
    const ended = deferred<Fault>()
    const next = await connect(url, {
      noDelay: true,
      keepAlive: true,
      timeout: handshakeLimitMs,
      clientProperties: { connection_name: name },
    }).catch((error: unknown) => {
      throw brokerFault(error, 'connecting')
    })
    gatherWrites(streamOf(next))
    let cause: unknown
    next.on('error', (error) => (cause = error))
    next.on('handler-error', (error, event) => log.error({ err: error, event }, 'a listener of the connection failed'))
    next.on('close', (error) =>
      ended.resolve(brokerFault(cause ?? error ?? new Error('closed'), 'keeping the connection')),
    )
    next.on('blocked', (reason) => setBlocked(reason))
    next.on('unblocked', () => setBlocked(undefined))
    const server = serverOf(next)
    try {
      await declareAll(next)
    } catch (error) {
      await farewell(next)
      throw error
    }
    if (isStopping()) {
      await farewell(next)
      return ended.promise
    }
    model = next
    up.resolve()
    log.info({ broker: server.version }, 'connected to the broker')
    for (const listener of upListeners) listener(server)
    const end = await ended.promise
    model = undefined
    up = deferred()
    up.promise.catch(() => undefined)
    setBlocked(undefined)
    return end
  }

  const setBlocked = (reason: string | undefined): void => {
    if (blocked === reason) return
    blocked = reason
    if (reason === undefined) log.info('the broker takes publishes again')
    else log.warn({ reason }, 'the broker takes no publishes')
    for (const listener of blockedListeners) listener(reason)
  }

  const run = async (): Promise<void> => {
    let failures = 0
    let everUp = false
    for (let attempt = 0; !isStopping(); attempt++) {
      try {
        fault = await live(urls[attempt % urls.length]!)
        failures = 1
        everUp = true
        if (isStopping()) break
        log.warn({ err: fault, code: fault.code }, 'the broker connection was lost')
        for (const listener of downListeners) listener(fault)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        fault = error
        failures++
        if (!everUp && needsAnOperator(error)) break
        const fields = { err: error, code: error.code, failures }
        if (isDrift(error)) log.error(fields, 'the broker is not as the table of queues says; waiting until it is')
        else log.warn(fields, 'the broker cannot be used')
      }
      await sleep(growingDelay(failures, firstDelayMs, mostDelayMs), stopping.signal)
    }
    up.reject(isStopping() ? stoppedFault(name) : fault)
  }

  const use = (): ChannelModel => {
    if (model) return model
    throw isStopping() ? stoppedFault(name) : unavailable(fault.code, fault.message, fault)
  }

  return {
    name: `broker connection ${name}`,
    start: () => {
      running ??= run().catch((error: unknown) => up.reject(error))
      return up.promise
    },
    stop: () =>
      (stopped ??= (async () => {
        for (let drain = drains.pop(); drain; drain = drains.pop()) await drain()
        stopping.abort()
        if (model) await farewell(model)
        if (running) await running
        else up.reject(stoppedFault(name))
      })()),
    check: () =>
      Promise.resolve().then(() => {
        use()
        if (blocked !== undefined)
          throw unavailable('broker/blocked', `The broker takes no publishes: ${blocked}. Free memory or disk there.`)
      }),
    get isUp() {
      return model !== undefined
    },
    get blocked() {
      return blocked
    },
    onUp: listening(upListeners),
    onDown: listening(downListeners),
    onBlocked: listening(blockedListeners),
    declare: async (more) => {
      await declareOn(use(), [more])
      for (const exchange of more.exchanges)
        declared.set(`exchange ${exchange.name}`, { exchanges: [exchange], queues: [] })
      for (const queue of more.queues) declared.set(`queue ${queue.name}`, { exchanges: [], queues: [queue] })
    },
    declareAgain: async () => {
      await declareAll(use())
    },
    whenUp: () => up.promise,
    pauseConsumers: () => {
      if (isPaused) return
      isPaused = true
      resumed = deferred()
      paused.resolve()
    },
    resumeConsumers: () => {
      if (!isPaused) return
      isPaused = false
      paused = deferred()
      resumed.resolve()
    },
    whenResumed: () => resumed.promise,
    whenPaused: () => paused.promise,
    channel: async () => opening(() => use().createChannel()),
    confirmChannel: async () => opening(() => use().createConfirmChannel()),
    beforeStop: (drain) => {
      drains.push(drain)
      return () => {
        const at = drains.indexOf(drain)
        if (at >= 0) drains.splice(at, 1)
      }
    },
  }
}

const listening =
  <L>(listeners: Set<L>) =>
  (listener: L) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

const needsAnOperator = ({ code }: Fault): boolean => code === 'broker/access_refused'
const isDrift = ({ code }: Fault): boolean => code === 'broker/topology_drift'

const stoppedFault = (name: string): Fault =>
  unavailable('broker/stopped', `The broker connection ${name} was stopped; start the service again.`)

const serverOf = ({ connection: { serverProperties } }: ChannelModel): Server => ({
  product: serverProperties.product,
  version: serverProperties.version,
})

const addressesIn = (url: string): string[] => url.split(/,(?=amqps?:)/)

/** @throws malformed `broker/url_invalid`, without the address in it: that may hold a password */
const withHeartbeat = (url: string, seconds: number): string => {
  if (!URL.canParse(url) || !/^amqps?:/.test(url))
    throw malformed('broker/url_invalid', 'The address of the broker is not amqp://user:password@host:port/vhost.')
  const whole = new URL(url)
  if (!whole.searchParams.has('heartbeat')) whole.searchParams.set('heartbeat', String(seconds))
  return whole.href
}

/** Closes politely, or, when no answer comes, by dropping the socket. */
const farewell = async (model: ChannelModel): Promise<void> => {
  const closed = Promise.resolve()
    .then(() => model.close())
    .catch(() => undefined) // closed already
  if (await within(farewellLimitMs, closed)) return
  streamOf(model).destroy(new Error('no farewell'))
}

/** The socket, which amqplib hides. */
const streamOf = (model: ChannelModel): Duplex => (model.connection as unknown as { stream: Duplex }).stream
