import { randomUUID } from 'node:crypto'
import {
  BACKWARDS,
  binaryEvent,
  END,
  FORWARDS,
  jsonEvent,
  START,
  StreamDeletedError,
  StreamNotFoundError,
  streamNameFilter,
  WrongExpectedVersionError,
  type EventStoreDBClient,
  type JSONType,
  type Position,
  type ResolvedEvent,
} from '@eventstore/db-client'
import { expect } from 'chai'
import fc from 'fast-check'
import { Model, type Expected, type Outcome, type Proposed, type Stored } from './model.js'
import { listen, type Listener } from './listening.js'
import { within } from './within.js'

/** Revisions are relative to the stream's last event where they should meet it now and then. */
type Expectation = 'any' | 'no_stream' | 'stream_exists' | { revision: number } | { fromLast: number }
type Append = { stream: number; metastream: boolean; expected: Expectation; events: Content[]; classic: boolean }
/** An event of the history's few ids, a new one, or metadata. */
type Content = { id: number } | { fresh: number } | { metadata: number }
type Start = 'start' | 'end' | { revision: number }

/** One step of a history. */
export type Step =
  | ({ do: 'append' } & Append)
  /** Sent all at once over one batch call; decided in the order they are sent. */
  | { do: 'burst'; appends: Append[] }
  | { do: 'delete' | 'tombstone'; stream: number; expected: Expectation }
  | { do: 'read'; stream: number; metastream: boolean; backwards: boolean; from: Start; count: number }
  | { do: 'readAll'; backwards: boolean; at: number; count: number }
  | { do: 'subscribe'; stream: number; from: Start }
  | { do: 'subscribeToAll'; from: number | 'end' }

const streamCount = 3
const idCount = 4

const metadataTexts = [
  '{}',
  '{"$maxCount":1}',
  '{"$maxCount":2}',
  '{"$maxCount":3,"$tb":2}',
  '{"$maxCount":0}',
  '{"$maxCount":-1,"$tb":-2}',
  '{"$tb":1}',
  '{"$tb":4}',
  '{"$tb":100}',
  '{"$maxAge":1000000}',
  '{"$maxAge":1000000,"$maxCount":2}',
  '{"owner":"dana","$cacheControl":5}',
  '{"$maxCount":"2"}',
  '{"$maxCount":1.5}',
  '{"$tb":2,"$cacheControl":"x"}',
  '{"$tb":9223372036854776000}',
  '{"$maxCount":1,"$acl":{"$r":"a","$w":["b","c"]}}',
  '{"$maxCount":1,"$acl":{"$x":"a"}}',
  '{"$maxCount":1,"$acl":{"$r":[1]}}',
  '[1]',
  '"text"',
  'null',
]

const stream = fc.nat(streamCount - 1)
const expectation: fc.Arbitrary<Expectation> = fc.oneof(
  { weight: 4, arbitrary: fc.constant('any' as const) },
  { weight: 2, arbitrary: fc.constant('no_stream' as const) },
  { weight: 2, arbitrary: fc.constant('stream_exists' as const) },
  { weight: 2, arbitrary: fc.record({ revision: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ fromLast: fc.integer({ min: -3, max: 1 }) }) },
)
const content: fc.Arbitrary<Content> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ id: fc.nat(idCount - 1) }) },
  { weight: 3, arbitrary: fc.record({ fresh: fc.nat(9) }) },
)
const metadataContent = fc.record({ metadata: fc.nat(metadataTexts.length - 1) })
const append: fc.Arbitrary<Append> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      stream,
      metastream: fc.constant(false),
      expected: expectation,
      events: fc.array(content, { maxLength: 4 }),
      classic: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      stream,
      metastream: fc.constant(true),
      expected: fc.oneof({ weight: 3, arbitrary: fc.constant('any' as const) }, expectation),
      events: fc.array(fc.oneof({ weight: 5, arbitrary: metadataContent }, content), { minLength: 1, maxLength: 2 }),
      classic: fc.boolean(),
    }),
  },
)
const start: fc.Arbitrary<Start> = fc.oneof(
  fc.constant('start' as const),
  fc.constant('end' as const),
  fc.record({ revision: fc.nat(8) }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: append.map((one) => ({ do: 'append' as const, ...one })) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      appends: fc.array(append, { minLength: 2, maxLength: 8 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), stream, expected: expectation }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tombstone' as const), stream, expected: expectation }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      stream,
      metastream: fc.boolean(),
      backwards: fc.boolean(),
      from: start,
      count: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('readAll' as const),
      backwards: fc.boolean(),
      at: fc.nat(30),
      count: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('subscribe' as const), stream, from: start }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('subscribeToAll' as const),
      from: fc.oneof(fc.nat(20), fc.constant('end' as const)),
    }),
  },
)

/** Random histories; fast-check cuts a failing one down to the steps that matter. */
export const histories = (maxLength: number): fc.Arbitrary<Step[]> => fc.array(step, { minLength: 1, maxLength })

/** Plays one history on a real event store and on the model, and compares every answer, and in the end the log and all subscriptions. */
export const play = async (client: EventStoreDBClient, steps: readonly Step[]): Promise<void> => {
  const run = new Run(client, `conformance-history-${randomUUID()}`)
  try {
    await run.begin()
    for (const one of steps) await run.take(one)
    await run.finish()
  } finally {
    await run.close()
  }
}

const classically = { credentials: { username: 'admin', password: 'changeit' } }

type Subscription = { listener: Listener; expected: string[]; wants: (event: Stored) => boolean; isOpen: boolean }

class Run {
  readonly #model = new Model()
  readonly #ids = Array.from({ length: idCount }, () => randomUUID())
  /** Of events by their place in the model's log, as far as an answer told them. */
  readonly #positions = new Map<number, Position>()
  readonly #subscriptions: Subscription[] = []
  #base: Position | undefined

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly prefix: string,
  ) {}

  /** Remembers where the log stands, so that a store with much in it is not read from its start. */
  async begin(): Promise<void> {
    const { position } = await this.client.appendToStream(`base-${this.prefix}`, jsonEvent({ type: 'Begun', data: {} }))
    this.#base = position
  }

  async take(one: Step): Promise<void> {
    switch (one.do) {
      case 'append':
        await this.#appendAll([one])
        return
      case 'burst':
        await this.#appendAll(one.appends.map((append) => ({ ...append, classic: false })))
        return
      case 'delete':
      case 'tombstone':
        await this.#remove(one)
        return
      case 'read':
        await this.#read(one)
        return
      case 'readAll':
        await this.#readAll(one)
        return
      case 'subscribe':
        await this.#subscribe(one)
        return
      case 'subscribeToAll':
        await this.#subscribeToAll(one)
    }
  }

  async finish(): Promise<void> {
    const stored = await this.#ours({ direction: FORWARDS, fromPosition: this.#base!, maxCount: 1_000_000 })
    expect(
      stored.map(({ label }) => label),
      'the log',
    ).to.deep.equal(this.#model.log.map(toLabel))
    for (const [index, position] of this.#positions)
      expect(stored[index]?.position, `the position told for ${index}`).to.deep.equal(position)
    for (const { listener, expected } of this.#subscriptions)
      expect(await listener.until(expected.length), 'a subscription').to.deep.equal(expected)
  }

  async close(): Promise<void> {
    await Promise.all(this.#subscriptions.map(({ listener }) => listener.stop()))
  }

  #name(stream: number, metastream = false): string {
    return `${metastream ? '$$' : ''}${this.prefix}-${stream}`
  }

  #expected(stream: string, expectation: Expectation): Expected {
    if (typeof expectation === 'string') return expectation
    if ('revision' in expectation) return BigInt(expectation.revision)
    const last = this.#model.last(stream)
    const revision = (last > 1_000_000n ? 5n : last) + BigInt(expectation.fromLast)
    return revision < 0n ? 'no_stream' : revision
  }

  async #appendAll(appends: readonly Append[]): Promise<void> {
    const first = this.#model.log.length
    const calls = appends.map(({ stream, metastream, expected, events, classic }) => {
      const name = this.#name(stream, metastream)
      const proposed = events.map((event) => this.#proposed(event))
      const expectedRevision = this.#expected(name, expected)
      const options = { expectedRevision, ...(classic ? classically : {}) }
      const answer = outcomeOf(this.client.appendToStream(name, proposed.map(toEventData), options))
      return { name, answer, foreseen: this.#model.append(name, expectedRevision, proposed) }
    })
    this.#tellSubscriptions(first)
    for (const { name, answer, foreseen } of calls) this.#compare(await answer, foreseen, `append to ${name}`)
  }

  async #remove({ do: what, stream, expected }: Extract<Step, { do: 'delete' | 'tombstone' }>): Promise<void> {
    const name = this.#name(stream)
    const first = this.#model.log.length
    const revision = this.#expected(name, expected)
    if (what === 'delete' && revision === 'stream_exists') return // the client cannot ask for it
    // Of a tombstone it can, though its types say otherwise.
    const options = { expectedRevision: revision as Exclude<Expected, 'stream_exists'> }
    const answer =
      what === 'delete' ? this.client.deleteStream(name, options) : this.client.tombstoneStream(name, options)
    const foreseen = this.#model[what](name, revision)
    this.#tellSubscriptions(first)
    this.#compare(
      await outcomeOf(answer.then((result) => ({ ...result, nextExpectedRevision: undefined }))),
      foreseen,
      what,
    )
  }

  #compare(answered: Answered, foreseen: Outcome, what: string): void {
    if (foreseen.kind !== 'written' || answered.kind !== 'written') {
      expect(answered.kind === 'written' ? { kind: 'written' } : answered, what).to.deep.equal(
        foreseen.kind === 'written' ? { kind: 'written' } : foreseen,
      )
      return
    }
    // The client reads "no stream" as 0, too.
    const revision = foreseen.revision < 0n ? 0n : foreseen.revision
    if (answered.revision !== undefined) expect(answered.revision, `${what}: revision`).to.equal(revision)
    if (foreseen.at === undefined) return
    expect(answered.position, `${what}: position`).not.to.equal(undefined)
    const known = this.#positions.get(foreseen.at)
    if (known) expect(answered.position, `${what}: position told before`).to.deep.equal(known)
    this.#positions.set(foreseen.at, answered.position!)
  }

  async #read({ stream, metastream, backwards, from, count }: Extract<Step, { do: 'read' }>): Promise<void> {
    if (!backwards && from === 'end') return // nothing useful, and the real server fails
    const name = this.#name(stream, metastream)
    const visible = this.#model.visible(name)
    const fromRevision = from === 'start' ? START : from === 'end' ? END : BigInt(from.revision)
    const direction = backwards ? BACKWARDS : FORWARDS
    const answer = await readOf(this.client.readStream(name, { direction, fromRevision, maxCount: count }), this.#ids)
    expect(answer, `${direction} from ${fromRevision} of ${name}`).to.deep.equal(
      typeof visible === 'string' ? visible : pick(visible, backwards, from).slice(0, count).map(toLabel),
    )
  }

  async #readAll({ backwards, at, count }: Extract<Step, { do: 'readAll' }>): Promise<void> {
    const position = this.#positions.get(at)
    if (!position || (backwards && at === 0)) return
    const log = this.#model.log
    const direction = backwards ? BACKWARDS : FORWARDS
    const found = await this.#ours({ direction, fromPosition: position, maxCount: backwards ? at : 1_000_000 })
    const foreseen = (backwards ? log.slice(0, at).reverse() : log.slice(at)).map(toLabel)
    const isShared = found.length < foreseen.length // others write too; what there is of ours has to agree
    expect(found.map(({ label }) => label).slice(0, count), `$all ${direction}`).to.deep.equal(
      foreseen.slice(0, isShared && backwards ? found.length : undefined).slice(0, count),
    )
  }

  async #subscribe({ stream, from }: Extract<Step, { do: 'subscribe' }>): Promise<void> {
    const name = this.#name(stream)
    const visible = this.#model.visible(name)
    const fromRevision = from === 'start' ? START : from === 'end' ? END : BigInt(from.revision)
    const after = from === 'start' ? -1n : from === 'end' ? this.#model.last(name) : BigInt(from.revision)
    const listener = listen(this.client.subscribeToStream(name, { fromRevision }), (event) => labelOf(event, this.#ids))
    const isOver = visible === 'deleted' && from !== 'end'
    const old = typeof visible === 'string' || from === 'end' ? [] : visible.filter(({ revision }) => revision > after)
    const expected = isOver ? ['StreamDeletedError'] : ['confirmation', ...old.map(toLabel), 'caught up']
    await listener.until(expected.length)
    const wants = (event: Stored): boolean => event.stream === name && event.revision > after
    this.#subscriptions.push({ listener, expected, wants, isOpen: !isOver })
  }

  async #subscribeToAll({ from }: Extract<Step, { do: 'subscribeToAll' }>): Promise<void> {
    const position = from === 'end' ? END : (this.#positions.get(from) ?? this.#base!)
    const old = from === 'end' ? [] : this.#model.log.slice(this.#positions.has(from) ? from + 1 : 0)
    const filter = streamNameFilter({ prefixes: [this.prefix, `$$${this.prefix}`] })
    const listener = listen(this.client.subscribeToAll({ fromPosition: position, filter }), (event) =>
      labelOf(event, this.#ids),
    )
    const expected = ['confirmation', ...old.map(toLabel), 'caught up']
    await listener.until(expected.length)
    this.#subscriptions.push({ listener, expected, wants: () => true, isOpen: true })
  }

  #tellSubscriptions(first: number): void {
    for (const event of this.#model.log.slice(first))
      for (const subscription of this.#subscriptions) {
        if (!subscription.isOpen || !subscription.wants(event)) continue
        subscription.expected.push(toLabel(event))
        if (event.type !== '$streamDeleted' || subscription.wants({ ...event, stream: '' })) continue
        subscription.expected.push('StreamDeletedError')
        subscription.isOpen = false
      }
  }

  async #ours(options: {
    direction: typeof BACKWARDS | typeof FORWARDS
    fromPosition: Position
    maxCount: number
  }): Promise<{ label: string; position: Position }[]> {
    const found: { label: string; position: Position }[] = []
    for await (const { event } of this.client.readAll(options))
      if (event?.streamId.startsWith(this.prefix) || event?.streamId.startsWith(`$$${this.prefix}`))
        found.push({ label: labelOf(event, this.#ids), position: event.position })
    return found
  }

  #proposed(given: Content): Proposed {
    if ('metadata' in given)
      return { id: randomUUID(), type: '$metadata', isJson: true, text: metadataTexts[given.metadata] ?? '' }
    if ('fresh' in given) return { id: randomUUID(), type: 'Fresh', isJson: given.fresh > 4, text: '{"$maxCount":1}' }
    return { id: this.#ids[given.id] ?? '', type: `Known${given.id}`, isJson: true, text: `{"k":${given.id}}` }
  }
}

const pick = (visible: readonly Stored[], backwards: boolean, from: Start): Stored[] => {
  const at = from === 'start' ? 0n : from === 'end' ? undefined : BigInt(from.revision)
  if (backwards) return visible.filter(({ revision }) => at === undefined || revision <= at).toReversed()
  return visible.filter(({ revision }) => at !== undefined && revision >= at)
}

const toEventData = ({ id, type, isJson, text }: Proposed) =>
  isJson
    ? jsonEvent({ id, type, data: JSON.parse(text) as JSONType })
    : binaryEvent({ id, type, data: Buffer.from(text) })

/** The client parses what is marked as JSON; numbers beyond 2^53 come out alike here and there. */
const toLabel = ({ stream, revision, type, isJson, text }: Stored): string =>
  `${type} ${isJson ? JSON.stringify(JSON.parse(text)) : text}#${revision}@${stream}`

type Event = { streamId: string; revision: bigint; type: string; isJson: boolean; data: unknown; id: string }

const labelOf = ({ streamId, revision, type, isJson, data, id }: Event, ids: readonly string[]): string => {
  const text = isJson ? JSON.stringify(data) : Buffer.from(data as Uint8Array).toString('utf8')
  const known = /^Known(\d)$/.exec(type)
  const isRight = !known || ids[Number(known[1])] === id
  return `${type} ${text}#${revision}@${streamId}${isRight ? '' : ` under another id: ${id}`}`
}

const readOf = async (
  events: AsyncIterable<ResolvedEvent>,
  ids: readonly string[],
): Promise<string[] | 'missing' | 'deleted'> => {
  const labels: string[] = []
  try {
    for await (const { event } of events) labels.push(event ? labelOf(event, ids) : 'nothing')
    return labels
  } catch (error) {
    if (error instanceof StreamNotFoundError) return 'missing'
    if (error instanceof StreamDeletedError) return 'deleted'
    throw error
  }
}

type Answered =
  | { kind: 'written'; revision: bigint | undefined; position: Position | undefined }
  | Exclude<Outcome, { kind: 'written' }>

const outcomeOf = async (
  call: Promise<{ nextExpectedRevision?: bigint | undefined; position?: Position | undefined }>,
): Promise<Answered> => {
  try {
    const { nextExpectedRevision, position } = await within('an answer', call)
    return { kind: 'written', revision: nextExpectedRevision, position }
  } catch (error) {
    if (error instanceof WrongExpectedVersionError)
      return { kind: 'wrong version', actual: error.actualVersion === 'no_stream' ? -1n : error.actualVersion }
    if (error instanceof StreamDeletedError) return { kind: 'deleted' }
    throw error
  }
}
