import { randomUUID } from 'node:crypto'
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { EventLog } from '../event-log.js'
import { single, type Call } from '../grpc/call.js'
import { unresolved } from '../links.js'
import { readAll, readStream } from '../reads.js'
import { lastRevision, type RecordedEvent } from '../recorded-event.js'
import { subscribeToAll, subscribeToStream, type Message } from '../subscriptions.js'
import { encodeCaughtUp, encodeCheckpoint, encodeConfirmation, encodeDelivery, encodeStreamNotFound } from './encode.js'
import { read as readMessage, streams } from './generated.js'
import { readRequestOf, type ReadRequest } from './read-request.js'
import { streamDeleted } from './statuses.js'

/** Reads and subscriptions, of one stream and of the log. */
export const read =
  (log: EventLog) =>
  (call: Call): void =>
    single(call, async (request) => {
      await send(call, answersTo(log, readMessage(streams.ReadReq, request), call.gone))
      call.end()
    })

/** Sends no faster than the client reads: while it takes one page, the next one is fetched, and no more. */
const send = async (call: Call, answers: AsyncGenerator<Buffer[]>): Promise<void> => {
  try {
    for (let page = await answers.next(); !page.done && !call.gone.aborted;) {
      const next = answers.next()
      next.catch(() => undefined) // told below, after what came before it is sent
      if (!call.send(page.value)) await call.drained()
      page = await next
    }
  } finally {
    await answers.return(undefined)
  }
}

async function* answersTo(log: EventLog, message: ReadReq, ended: AbortSignal): AsyncGenerator<Buffer[]> {
  const request = readRequestOf(message)
  if (request.mode === 'subscription') yield* subscriptionAnswers(log, request, ended)
  else if (request.source === 'all') yield* deliveries(log, request, allEvents(log, request))
  else yield* streamAnswers(log, request, request.source.stream)
}

type Read = Extract<ReadRequest, { mode: 'read' }>
type Subscription = Extract<ReadRequest, { mode: 'subscription' }>

const allEvents = (log: EventLog, { direction, from, count, filter }: Read): AsyncIterable<RecordedEvent[]> => {
  const afterLast = log.tail.committed + 1n
  const position = from === 'start' ? 0n : from === 'end' ? afterLast : from
  return readAll(log, { direction, position, count, filter })
}

async function* streamAnswers(log: EventLog, request: Read, stream: string): AsyncGenerator<Buffer[]> {
  const { direction, from, count } = request
  const view = await log.view(stream)
  if (view.tombstoned) throw streamDeleted(stream)
  if (view.last < 0n || view.softDeleted) {
    yield [encodeStreamNotFound(stream)]
    return
  }
  const revision = from === 'start' ? 0n : from === 'end' ? lastRevision : from
  yield* deliveries(log, request, readStream(log, view, { direction, revision, count }))
}

async function* deliveries(
  log: EventLog,
  { resolveLinks, uuidForm }: ReadRequest,
  pages: AsyncIterable<RecordedEvent[]>,
): AsyncGenerator<Buffer[]> {
  for await (const page of pages) {
    const found = resolveLinks ? await log.resolve(page) : page.map(unresolved)
    yield found.map((delivery) => encodeDelivery(delivery, uuidForm))
  }
}

async function* subscriptionAnswers(
  log: EventLog,
  request: Subscription,
  ended: AbortSignal,
): AsyncGenerator<Buffer[]> {
  const { source, from, filter, checkpointEvery } = request
  const messages =
    source === 'all'
      ? subscribeToAll(log, { after: from === 'start' ? 0n : from, filter, checkpointEvery }, ended)
      : subscribeToStream(log, { stream: source.stream, after: from === 'start' ? -1n : from }, ended)
  const encode = encoderFor(log, request)
  for await (const batch of messages) yield await encode(batch)
}

const encoderFor = (log: EventLog, { resolveLinks, uuidForm }: Subscription) => {
  const other = (message: Exclude<Message, { kind: 'event' }>): Buffer => {
    switch (message.kind) {
      case 'confirmation':
        return encodeConfirmation(randomUUID())
      case 'checkpoint':
        return encodeCheckpoint(message.position)
      case 'caught_up':
        return encodeCaughtUp()
    }
  }
  return async (messages: readonly Message[]): Promise<Buffer[]> => {
    if (!resolveLinks)
      return messages.map((message) =>
        message.kind === 'event' ? encodeDelivery(unresolved(message.event), uuidForm) : other(message),
      )
    const found = await log.resolve(messages.flatMap((message) => (message.kind === 'event' ? [message.event] : [])))
    const deliveries = found.values()
    return messages.map((message) => {
      if (message.kind !== 'event') return other(message)
      const next = deliveries.next()
      return encodeDelivery(next.done ? unresolved(message.event) : next.value, uuidForm)
    })
  }
}
