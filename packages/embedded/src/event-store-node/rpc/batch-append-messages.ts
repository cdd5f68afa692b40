import type { WriteOutcome } from '../apply-request.js'
import type { Expected } from '../decide-append.js'
import type { ProposedEvent } from '../recorded-event.js'
import { CallFailed } from '../grpc/call-failed.js'
import { structuredUuid, textUuid } from './identifiers.js'
import { checkedProposal } from './proposals.js'
import { bigVarintSize, fieldSize, Fields, writeBytes, writeHead, writeNumber } from './wire.js'

/**
 * `BatchAppendReq` and `BatchAppendResp` as bytes, read and written by hand: all that a client appends comes and is answered through
 * them, and the generated code takes four times as long.
 */

export type BatchAppendRequest = {
  readonly correlation: Correlation
  /** What the first message of a correlation says. */
  readonly options: BatchAppendOptions | undefined
  /** Undefined when one of them cannot be stored. */
  readonly events: readonly ProposedEvent[] | undefined
  readonly isFinal: boolean
}

/** Which append a message belongs to: its id, and the bytes it came in, which its answer repeats. */
export type Correlation = { readonly id: string; readonly bytes: Buffer }

export type BatchAppendOptions = {
  readonly stream: string | undefined
  readonly expected: Expected | undefined
  /** Since 1970. */
  readonly deadlineMs: number | undefined
}

/**
 * Undefined for a message without a readable correlation: nobody waits for its answer.
 *
 * @throws Unreadable
 */
export const decodeBatchAppend = (message: Buffer): BatchAppendRequest | undefined => {
  let correlation: Correlation | undefined
  let options: BatchAppendOptions | undefined
  const proposals: Fields[] = []
  let isFinal = false
  for (const fields = new Fields(message); fields.next();) {
    if (fields.field === 1) {
      const id = uuidIn(fields.fields)
      correlation = id === undefined ? undefined : { id, bytes: fields.value }
    } else if (fields.field === 2) options = optionsIn(fields.fields)
    else if (fields.field === 3) proposals.push(fields.fields)
    else if (fields.field === 4) isFinal = fields.number !== 0n
  }
  return correlation && { correlation, options, events: eventsIn(proposals), isFinal }
}

const optionsIn = (fields: Fields): BatchAppendOptions => {
  let stream: string | undefined
  let expected: Expected | undefined
  let deadlineMs: number | undefined
  while (fields.next())
    switch (fields.field) {
      case 1:
        stream = streamIn(fields.fields)
        break
      case 2:
        expected = fields.number
        break
      case 3:
        expected = 'no_stream'
        break
      case 4:
        expected = 'any'
        break
      case 5:
        expected = 'stream_exists'
        break
      case 6:
        deadlineMs = timeIn(fields.fields)
    }
  return { stream, expected, deadlineMs }
}

const streamIn = (fields: Fields): string => {
  let stream = ''
  while (fields.next()) if (fields.field === 3) stream = fields.text
  return stream
}

const timeIn = (fields: Fields): number => {
  let [seconds, nanos] = [0n, 0n]
  while (fields.next())
    if (fields.field === 1) seconds = BigInt.asIntN(64, fields.number)
    else if (fields.field === 2) nanos = BigInt.asIntN(32, fields.number)
  return Number(seconds) * 1_000 + Math.floor(Number(nanos) / 1e6)
}

const uuidIn = (fields: Fields): string | undefined => {
  let uuid: string | undefined
  while (fields.next())
    if (fields.field === 1) uuid = structuredIn(fields.fields)
    else if (fields.field === 2) uuid = textUuid(fields.text)
  return uuid
}

const structuredIn = (fields: Fields): string | undefined => {
  let [most, least] = [0n, 0n]
  while (fields.next())
    if (fields.field === 1) most = fields.number
    else if (fields.field === 2) least = fields.number
  return structuredUuid(most, least)
}

const eventsIn = (proposals: readonly Fields[]): ProposedEvent[] | undefined => {
  try {
    return proposals.map(eventIn)
  } catch (error) {
    if (error instanceof CallFailed) return undefined
    throw error
  }
}

const none: Buffer = Buffer.alloc(0)

const eventIn = (fields: Fields): ProposedEvent => {
  let id: string | undefined
  let type: string | undefined
  let contentType: string | undefined
  let data = none
  let metadata = none
  while (fields.next())
    switch (fields.field) {
      case 1:
        id = uuidIn(fields.fields)
        break
      case 2: {
        const [key, value] = entryIn(fields.fields)
        if (key === 'type') type = value
        else if (key === 'content-type') contentType = value
        break
      }
      case 3:
        metadata = fields.value
        break
      case 4:
        data = fields.value
    }
  return checkedProposal({ id, type, contentType, data, metadata })
}

const entryIn = (fields: Fields): readonly [key: string, value: string] => {
  let [key, value] = ['', '']
  while (fields.next())
    if (fields.field === 1) key = fields.text
    else if (fields.field === 2) value = fields.text
  return [key, value]
}

/** What the client is told of its append. */
export const encodeWritten = (
  { bytes: correlation }: Correlation,
  stream: string,
  { revision, position }: Extract<WriteOutcome, { kind: 'written' }>,
): Buffer => {
  const revisionSize = revision < 0n ? fieldSize(0) : 1 + bigVarintSize(revision)
  const positionSize = position === undefined ? 0 : 2 * (1 + bigVarintSize(position))
  const successSize = revisionSize + fieldSize(positionSize)
  const success = Buffer.allocUnsafe(successSize)
  let at = revision < 0n ? writeHead(success, 0, 2, 0) : writeNumber(success, 0, 1, revision)
  at = writeHead(success, at, position === undefined ? 4 : 3, positionSize)
  if (position !== undefined) writeNumber(success, writeNumber(success, at, 1, position), 2, position)
  return encodeAnswer(correlation, stream, 3, success)
}

/** `status` is a `google.rpc.Status`. */
export const encodeRefused = (
  { bytes: correlation }: Correlation,
  stream: string | undefined,
  status: Uint8Array,
): Buffer => encodeAnswer(correlation, stream, 2, status)

const encodeAnswer = (correlation: Buffer, stream: string | undefined, field: 2 | 3, body: Uint8Array): Buffer => {
  const name = stream === undefined ? undefined : Buffer.from(stream)
  const nameSize = name ? fieldSize(name.length) : 0
  const size = fieldSize(correlation.length) + fieldSize(body.length) + (name ? fieldSize(nameSize) : 0)
  const out = Buffer.allocUnsafe(size)
  let at = writeBytes(out, 0, 1, correlation)
  at = writeBytes(out, at, field, body)
  if (name) writeBytes(out, writeHead(out, at, 4, nameSize), 3, name)
  return out
}
