import { randomUUID } from 'node:crypto'
import { lastRevision } from './recorded-event.js'

/** What a stream's metadata says about which of its events can be read. Unknown keys are the caller's own. */
export type StreamMetadata = {
  /** Only the last so many events are visible. */
  readonly maxCount?: bigint
  /** Events older than so many seconds are invisible. */
  readonly maxAgeSeconds?: bigint
  /** Events below this revision are invisible; `lastRevision` means that the stream is soft-deleted. */
  readonly truncateBefore?: bigint
}

export const noMetadata: StreamMetadata = {}

/** A metastream behaves as if it had this; what its own metastream says counts for nothing. */
export const metadataOfMetastreams: StreamMetadata = { maxCount: 1n }

/**
 * Reads the data of a stream's last metadata event. What is not a JSON object, or has a known key of the wrong type, counts as
 * no metadata at all, as in EventStoreDB; values of zero and less are ignored.
 */
export const parseMetadata = (isJson: boolean, data: Uint8Array): StreamMetadata => {
  const json = isJson ? parseObject(data) : undefined
  if (!json) return noMetadata
  const maxCount = wholeNumber(json.$maxCount)
  const maxAge = wholeNumber(json.$maxAge)
  const truncateBefore = wholeNumber(json.$tb)
  const cacheControl = wholeNumber(json.$cacheControl)
  const wrong = [maxCount, maxAge, truncateBefore, cacheControl].includes('wrong') || !isAcl(json.$acl)
  if (wrong) return noMetadata
  return {
    ...(typeof maxCount === 'bigint' && maxCount > 0n && { maxCount }),
    ...(typeof maxAge === 'bigint' && maxAge > 0n && { maxAgeSeconds: maxAge }),
    ...(typeof truncateBefore === 'bigint' && truncateBefore >= 0n && { truncateBefore }),
  }
}

export const isSoftDeleted = (metadata: StreamMetadata): boolean => metadata.truncateBefore === lastRevision

/** The data of the metadata event that a soft delete writes. All earlier metadata is replaced by it. */
export const softDeletion = (): Uint8Array => Buffer.from(`{"$tb":${lastRevision}}`)

/** The same metadata with `$tb` set, which brings a soft-deleted stream back; undefined when it is not a JSON object. */
export const withTruncateBefore = (data: Uint8Array, revision: bigint): Uint8Array | undefined => {
  const json = parseObject(data)
  if (!json) return undefined
  json.$tb = `${numberMark}${revision}`
  return Buffer.from(JSON.stringify(json).replace(markedNumber, '$1'))
}

/** The first visible revision of a stream whose last event has revision `last`; `$maxAge` is judged by each event's time. */
export const firstVisibleRevision = (metadata: StreamMetadata, last: bigint): bigint => {
  const byCount = metadata.maxCount === undefined ? 0n : last - metadata.maxCount + 1n
  const byTruncation = metadata.truncateBefore ?? 0n
  const first = byCount > byTruncation ? byCount : byTruncation
  return first > 0n ? first : 0n
}

/** The oldest visible time of a stream's events, in ticks of 100 ns since 1970; 0 when age does not matter. */
export const oldestVisibleTime = (metadata: StreamMetadata, nowMs: number): bigint => {
  if (metadata.maxAgeSeconds === undefined) return 0n
  const oldest = BigInt(nowMs) * 10_000n - metadata.maxAgeSeconds * 10_000_000n
  return oldest > 0n ? oldest : 0n
}

type Json = Record<string, unknown>

/** `JSON.parse` rounds what is beyond 2^53; so each number is kept as its own text behind a mark that nobody else knows. */
const numberMark = `number ${randomUUID()} `
const markedNumber = new RegExp(`"${numberMark}([^"]*)"`, 'g')
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

const parseObject = (data: Uint8Array): Json | undefined => {
  const text = Buffer.from(data).toString('utf8')
  try {
    JSON.parse(text)
    const json: unknown = JSON.parse(
      text.replace(stringOrNumber, (token) => (token.startsWith('"') ? token : `"${numberMark}${token}"`)),
    )
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Json) : undefined
  } catch {
    return undefined
  }
}

const wholeNumber = (value: unknown): bigint | undefined | 'wrong' => {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !value.startsWith(numberMark)) return 'wrong'
  const text = value.slice(numberMark.length)
  if (!/^-?\d+$/.test(text)) return 'wrong'
  const number = BigInt(text)
  return BigInt.asIntN(64, number) === number ? number : 'wrong'
}

const aclKeys = ['$r', '$w', '$d', '$mr', '$mw']
const isRole = (value: unknown): boolean => typeof value === 'string' && !value.startsWith(numberMark)

const isAcl = (value: unknown): boolean => {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(
    ([key, roles]) => aclKeys.includes(key) && (isRole(roles) || (Array.isArray(roles) && roles.every(isRole))),
  )
}
