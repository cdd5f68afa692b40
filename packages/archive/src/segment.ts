import { malformed } from '@journey/runtime'
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'

/** An event as it is archived: as it is stored, sealed data as sealed. */
export type ArchivedEvent = {
  id: string
  type: string
  stream: string
  revision: number
  position: bigint
  createdAt: string
  isJson: boolean
  data: unknown
  metadata: Record<string, unknown>
}

/** One file of a segment: the events of one category, JSON lines in the order of the log, gzipped. */
export type ArchivedFile = { category: string; key: string; events: number; bytes: number; sha256: string }

/**
 * What one segment holds: the events of one UTC day that stand between two positions of the log, in a file per category. Segments
 * follow each other without a gap. A segment counts once its manifest is there, which is written last.
 */
export type Manifest = {
  format: 'journey-archive/1'
  /** `2026-01-27`, by the event store's clock. */
  day: string
  /** Position that this segment begins after; null for the beginning of the log. */
  after: string | null
  first_position: string
  last_position: string
  events: number
  files: ArchivedFile[]
}

/** The part of a stream's name that says what it is: `journey` of `journey-client-123`. */
export const categoryOf = (stream: string): string => stream.split('-', 1)[0]!

export const dayOf = (createdAt: string): string => createdAt.slice(0, 10)

/** Sorts by position: positions have no more than 20 digits. */
const padded = (position: string): string => position.padStart(20, '0')

export const manifestPrefix = 'manifests/'
export const manifestKey = (firstPosition: string): string => `${manifestPrefix}${padded(firstPosition)}.json`

export const bodyOf = (manifest: Manifest): Buffer => Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`)

export const eventsPrefix = 'events/'

/** What the key of a file of events says; undefined for a key that is none of ours. */
export const placeOf = (key: string): { day: string; first: bigint; manifest: string } | undefined => {
  const [, day, first] = /^events\/(\d{4}-\d\d-\d\d)\/[^/]+-(\d{20})\.jsonl\.gz$/.exec(key) ?? []
  return day && first ? { day, first: BigInt(first), manifest: manifestKey(first) } : undefined
}

/** Events that follow each other in the log, of one day, as files and manifest. The same events give the same bytes. */
export const segmentOf = (
  after: bigint | 'start',
  events: readonly ArchivedEvent[],
): { manifest: Manifest; files: { file: ArchivedFile; body: Buffer }[] } => {
  const first = events[0]!
  const day = dayOf(first.createdAt)
  const byCategory = new Map<string, ArchivedEvent[]>()
  for (const event of events) {
    const category = categoryOf(event.stream)
    byCategory.set(category, [...(byCategory.get(category) ?? []), event])
  }
  const files = [...byCategory].map(([category, own]) => {
    const body = gzipSync(own.map((event) => `${JSON.stringify(lineOf(event))}\n`).join(''))
    const key = `${eventsPrefix}${day}/${encodeURIComponent(category)}-${padded(first.position.toString())}.jsonl.gz`
    return { file: { category, key, events: own.length, bytes: body.length, sha256: sha256(body) }, body }
  })
  return {
    files,
    manifest: {
      format: 'journey-archive/1',
      day,
      after: after === 'start' ? null : after.toString(),
      first_position: first.position.toString(),
      last_position: events.at(-1)!.position.toString(),
      events: events.length,
      files: files.map(({ file }) => file),
    },
  }
}

const lineOf = ({ id, type, stream, revision, position, createdAt, isJson, data, metadata }: ArchivedEvent) => ({
  ...{ id, type, stream, revision, position: position.toString(), created_at: createdAt },
  ...(isJson ? { data } : { data_base64: (data as Buffer).toString('base64') }),
  metadata,
})

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex')

/** @throws malformed `archive/damaged` */
export const manifestOf = (key: string, body: Buffer | undefined): Manifest => {
  const manifest = body && (parsed(key, body.toString()) as Manifest | null)
  if (manifest?.format === 'journey-archive/1') return manifest
  throw damaged(key, body ? 'is no manifest that this version can read' : 'is gone')
}

/** The events of a file, in the order of the log. @throws malformed `archive/damaged` when it is not what its manifest says */
export const eventsOf = (file: ArchivedFile, body: Buffer | undefined): ArchivedEvent[] => {
  if (!body) throw damaged(file.key, 'is gone')
  if (sha256(body) !== file.sha256) throw damaged(file.key, `has another checksum than its manifest says`)
  const events = eventsIn(file.key, body)
  if (events.length !== file.events) throw damaged(file.key, `holds ${events.length} events instead of ${file.events}`)
  return events
}

const eventsIn = (key: string, body: Buffer): ArchivedEvent[] =>
  unzipped(key, body)
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const event = parsed(key, line) as ReturnType<typeof lineOf> & { data?: unknown; data_base64?: string }
      const { id, type, stream, revision, position, created_at: createdAt, data, data_base64, metadata } = event
      const isJson = data_base64 === undefined
      return {
        ...{ id, type, stream, revision, position: BigInt(position), createdAt, isJson, metadata },
        data: isJson ? data : Buffer.from(data_base64, 'base64'),
      }
    })

/** A file as a manifest would have it, and its events, when no manifest speaks of it. @throws malformed `archive/damaged` */
export const foundFile = (key: string, body: Buffer): { file: ArchivedFile; events: ArchivedEvent[] } => {
  const events = eventsIn(key, body)
  if (!events[0]) throw damaged(key, 'holds no events')
  const category = categoryOf(events[0].stream)
  return { events, file: { category, key, events: events.length, bytes: body.length, sha256: sha256(body) } }
}

const unzipped = (key: string, body: Buffer): string => {
  try {
    return gunzipSync(body).toString()
  } catch {
    throw damaged(key, 'is no gzip')
  }
}

const parsed = (key: string, text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw damaged(key, 'is no JSON')
  }
}

export const damaged = (key: string, what: string) =>
  malformed('archive/damaged', `${key} ${what}: bring it back from a copy, or take the archive as lost there`)
