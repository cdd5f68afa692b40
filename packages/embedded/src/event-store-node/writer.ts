import pg from 'pg'
import { Fault, messageOf, unavailable, type Log, type Part } from '@journey/runtime'
import { setTimeout as sleep } from 'node:timers/promises'
import { applyRequest, type WriteOutcome, type WriteRequest } from './apply-request.js'
import { insertEvents, storedIds } from './commit.js'
import { Draft, type StoredId } from './draft.js'
import { firstEvent } from './first-event.js'
import { namesBehind, type Head, type Heads } from './heads.js'
import { takeLock } from './lock.js'
import type { NodeMeters } from './meters.js'
import { connectionConfig, isRefusal } from './postgres-session.js'
import { loadHeads, logEnd } from './reader.js'
import { createSchema } from './schema.js'
import type { Tail } from './tail.js'

/** A request waiting for its group. */
type Pending = {
  readonly request: WriteRequest
  readonly bytes: number
  readonly since: number
  readonly answer: (outcome: WriteOutcome) => void
  readonly refuse: (error: Error) => void
}

/** One group, so one transaction, holds at most so much. */
const groupRequests = 1_000
const groupBytes = 4 << 20

/** What may wait in memory; beyond it the node says that it is too busy. */
const queueBytes = 64 << 20

/** How long a request may wait for a PostgreSQL that is away. It was never sent, so its outcome is known: nothing was written. */
const waitForDatabaseMs = 2_000

/**
 * The only one who writes. Requests are decided in the order they come and committed in groups: while one group is on its way to
 * the disk, the next one gathers. Holds the node's lock, and connects again by itself when PostgreSQL comes back.
 */
export class Writer implements Part {
  readonly name = 'event store writer'
  #client: pg.Client | undefined
  #queue: Pending[] = []
  #queuedBytes = 0
  #isBusy = false
  #isStopping = false
  #reconnecting: Promise<void> | undefined
  #greatestStreamId = 0n
  #lastCreated = 0n
  #idle: (() => void)[] = []

  constructor(
    private readonly options: {
      readonly databaseUrl: string
      readonly log: Log
      readonly heads: Heads
      readonly tail: Tail
      readonly meters: NodeMeters
      /** After a kill the old session of the node before may live a little longer. */
      readonly lockPatienceMs: number
    },
  ) {}

  /** @throws unavailable `event_store_node/database_in_use`, or whatever PostgreSQL says */
  async start(): Promise<void> {
    await this.#connect()
  }

  /** Takes no more requests, and resolves when all that were taken have their answer. */
  async drain(): Promise<void> {
    this.#isStopping = true
    if (this.#client && (this.#isBusy || this.#queue.length > 0))
      await Promise.race([
        new Promise<void>((resolve) => this.#idle.push(resolve)),
        sleep(drainMs, undefined, { ref: false }),
      ])
    this.#refuseQueued(() => true, stopping())
  }

  /** Gives the lock back. */
  async stop(): Promise<void> {
    await this.drain()
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
    await this.#reconnecting
  }

  get isReady(): boolean {
    return this.#client !== undefined
  }

  /**
   * Resolves once the outcome is durable.
   *
   * @throws unavailable `event_store_node/database_away` outcome unknown, or nothing written; repeat with the same ids
   * @throws malformed `event_store_node/not_storable`
   */
  submit(request: WriteRequest): Promise<WriteOutcome> {
    return new Promise((answer, refuse) => {
      const bytes = sizeOf(request)
      if (this.#isStopping) {
        refuse(stopping())
        return
      }
      if (this.#queuedBytes + bytes > queueBytes) {
        refuse(tooBusy())
        return
      }
      this.#queue.push({ request, bytes, since: Date.now(), answer, refuse })
      this.#queuedBytes += bytes
      this.#wake()
    })
  }

  /** Starts a group when none is under way; what else arrives in this turn of the event loop joins it. */
  #wake(): void {
    if (this.#isBusy || !this.#client || this.#queue.length === 0) return
    this.#isBusy = true
    setImmediate(() => void this.#work())
  }

  async #work(): Promise<void> {
    while (this.#client && this.#queue.length > 0) await this.#commitGroup(this.#client, this.#nextGroup())
    this.#isBusy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #nextGroup(): Pending[] {
    let count = 0
    let bytes = 0
    for (const pending of this.#queue) {
      if (count > 0 && (count === groupRequests || bytes + pending.bytes > groupBytes)) break
      count++
      bytes += pending.bytes
    }
    this.#queuedBytes -= bytes
    return this.#queue.splice(0, count)
  }

  /** Never rejects: every request of the group gets its answer or its error. A request that PostgreSQL refuses harms no other. */
  async #commitGroup(client: pg.Client, group: readonly Pending[]): Promise<void> {
    try {
      const outcomes = await this.#decideAndCommit(
        client,
        group.map(({ request }) => request),
      )
      group.forEach(({ answer }, index) => {
        const outcome = outcomes[index]
        if (outcome) answer(outcome)
      })
    } catch (error) {
      if (isExhausted(error)) {
        for (const { refuse } of group) refuse(databaseFull(error))
        return
      }
      if (isRefusal(error) && group.length > 1) {
        for (const pending of group) {
          if (this.#client === client) await this.#commitGroup(client, [pending])
          else pending.refuse(databaseAway(error))
        }
        return
      }
      const isBadInput = isRefusal(error) && /^(22|54)/.test(error.code ?? '')
      for (const { refuse } of group) refuse(isBadInput ? notStorable(error) : databaseAway(error))
      if (!isBadInput) this.#lost(client, error)
    }
  }

  async #decideAndCommit(client: pg.Client, requests: readonly WriteRequest[]): Promise<WriteOutcome[]> {
    const { heads, tail, meters } = this.options
    const startedAt = process.hrtime.bigint()
    const names = new Set(requests.flatMap(({ stream }) => namesBehind(stream)))
    const before = await heads.get([...names], (missing) => loadHeads(client, missing))
    const ids = idsInQuestion(requests, before)
    let { draft, outcomes } = this.#decide(requests, before, [])
    // Nearly always no id is known: that is taken for granted, and the insert itself looks whether it is so.
    const isDone = draft.events.length > 0 ? await insertEvents(client, draft, ids) : ids.length === 0
    if (!isDone) {
      ;({ draft, outcomes } = this.#decide(requests, before, await storedIds(client, ids)))
      if (draft.events.length > 0) await insertEvents(client, draft)
    }
    if (draft.events.length > 0) {
      this.#greatestStreamId += BigInt(draft.newStreams.length)
      this.#lastCreated = draft.events[0]?.created ?? this.#lastCreated
      for (const [name, head] of draft.heads) heads.set(name, head)
      tail.append(draft.events)
      meters.committed(requests.length, draft.events.length, startedAt)
    }
    return outcomes
  }

  #decide(
    requests: readonly WriteRequest[],
    heads: ReadonlyMap<string, Head>,
    known: readonly StoredId[],
  ): { draft: Draft; outcomes: WriteOutcome[] } {
    const position = this.options.tail.committed
    const draft = new Draft({ heads, position, greatestStreamId: this.#greatestStreamId, created: this.#now() }, known)
    return { draft, outcomes: requests.map((request) => applyRequest(draft, request)) }
  }

  /** The time in ticks of 100 ns; stands still while the machine's clock jumps back. */
  #now(): bigint {
    const now = BigInt(Date.now()) * 10_000n
    return now > this.#lastCreated ? now : this.#lastCreated
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(connectionConfig(this.options.databaseUrl, 'event store node: writer'))
    client.on('error', (error) => this.#lost(client, error))
    client.on('end', () => this.#lost(client, new Error('the connection ended')))
    try {
      await client.connect()
      await takeLock(client, this.options.lockPatienceMs)
      await createSchema(client)
      const end = await logEnd(client)
      this.options.heads.clear()
      this.options.tail.reset(end.position)
      this.#greatestStreamId = end.greatestStreamId
      this.#lastCreated = end.created
      if (end.position === 0n) await this.#decideAndCommit(client, [firstEvent])
    } catch (error) {
      void client.end().catch(() => undefined)
      throw error
    }
    this.#client = client
    this.#wake()
  }

  /** The connection is gone, or its state is in doubt: nothing is trusted any more until a new one has the lock. */
  #lost(client: pg.Client, error: unknown): void {
    if (this.#client !== client || this.#isStopping) return
    this.#client = undefined
    this.options.log.warn({ err: error }, 'the connection to PostgreSQL is lost; appends wait')
    void client.end().catch(() => undefined)
    this.#reconnecting = this.#reconnect().finally(() => (this.#reconnecting = undefined))
  }

  async #reconnect(): Promise<void> {
    const impatience = setInterval(
      () => this.#refuseQueued(({ since }) => Date.now() - since > waitForDatabaseMs, databaseAway()),
      250,
    )
    try {
      for (let delayMs = 50; !this.#isStopping; delayMs = Math.min(delayMs * 2, 1_000)) {
        try {
          await this.#connect()
          this.options.log.info({ position: String(this.options.tail.committed) }, 'connected to PostgreSQL again')
          return
        } catch (error) {
          this.options.log.warn({ reason: messageOf(error), delayMs }, 'PostgreSQL is still away')
          await sleep(delayMs)
        }
      }
    } finally {
      clearInterval(impatience)
    }
  }

  #refuseQueued(isMeant: (pending: Pending) => boolean, error: Fault): void {
    const meant = this.#queue.filter(isMeant)
    this.#queue = this.#queue.filter((pending) => !isMeant(pending))
    for (const { bytes, refuse } of meant) {
      this.#queuedBytes -= bytes
      refuse(error)
    }
  }
}

/** SQLSTATE class 53, such as 53100 disk_full: the statement was undone, and the same one may succeed later. */
const isExhausted = (error: unknown): boolean => isRefusal(error) && error.code?.startsWith('53') === true

/** How long a stop waits for what is queued. */
const drainMs = 5_000

/** Ids matter only where an append is not simply at the end of its stream, and not where the stream is new. */
const idsInQuestion = (
  requests: readonly WriteRequest[],
  heads: ReadonlyMap<string, Head>,
): { streamId: bigint; id: string }[] =>
  requests.flatMap((request) => {
    if (request.kind !== 'append') return []
    const head = heads.get(request.stream)
    if (head?.id === undefined || request.expected === head.last) return []
    const streamId = head.id
    return request.events.map(({ id }) => ({ streamId, id }))
  })

const perEvent = 100
const sizeOf = (request: WriteRequest): number =>
  request.kind === 'append'
    ? request.events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length + perEvent, perEvent)
    : perEvent

const databaseAway = (cause?: unknown): Fault =>
  unavailable(
    'event_store_node/database_away',
    'Server Is Not Ready: its PostgreSQL is away. Repeat with the same event ids; what was written already is not written twice.',
    cause,
  )
const databaseFull = (cause: unknown): Fault =>
  unavailable(
    'event_store_node/database_full',
    `Server Is Not Ready: its PostgreSQL has no room (${messageOf(cause)}). Nothing was written. Free space on its disk; the node then goes on by itself.`,
    cause,
  )
const tooBusy = (): Fault =>
  unavailable('event_store_node/too_busy', 'Server Is Too Busy: too many appends are waiting. Repeat a little later.')
const stopping = (): Fault => unavailable('event_store_node/stopping', 'Server Is Not Ready: it is stopping.')
const notStorable = (cause: pg.DatabaseError): Fault =>
  new Fault('malformed', 'event_store_node/not_storable', `PostgreSQL cannot store this: ${cause.message}`, { cause })
