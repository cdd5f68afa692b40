import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import pg from 'pg'
import { Fault, malformed } from '@journey/runtime'
import { insertEvents } from '../commit.js'
import { takeLock } from '../lock.js'
import { connectionConfig } from '../postgres-session.js'
import type { RecordedEvent } from '../recorded-event.js'
import { createSchema } from '../schema.js'
import { onSnapshot, storedEvents } from './stored-event.js'

/**
 * A backup is a gzipped file of JSON lines: one that names the format, one per event in the order of the log, and a last one with
 * the number of events and the SHA-256 of all lines before it. Bytes are base64, 64-bit numbers are text.
 */
const format = { format: 'event-store-backup', version: 1 }

type EventLine = {
  position: string
  stream: string
  revision: string
  id: string
  type: string
  isJson: boolean
  created: string
  data: string
  metadata: string
}
type LastLine = { events: number; sha256: string }

/**
 * Writes all that is committed when this begins into a file; a node may run meanwhile. The file appears whole or not at all.
 *
 * @returns the number of events
 * @throws refused `event_store_node/backup_exists`
 */
export const backup = async (databaseUrl: string, file: string): Promise<number> => {
  if (existsSync(file))
    throw new Fault('refused', 'event_store_node/backup_exists', `${file} is there already: name another file.`)
  const unfinished = `${file}.unfinished`
  let count = 0
  try {
    await onSnapshot(databaseUrl, async (client) => {
      const hash = createHash('sha256')
      const hashed = (text: string): string => {
        hash.update(text)
        return text
      }
      const lines = async function* (): AsyncGenerator<string> {
        yield hashed(`${JSON.stringify(format)}\n`)
        for await (const page of storedEvents(client, 'position')) {
          count += page.length
          yield hashed(
            page
              .map(([position, , stream, revision, id, type, isJson, created, data, metadata]) => {
                if (stream === null) throw damaged(`the event at position ${position} has no stream; see verify`)
                const line: EventLine = {
                  position: String(position),
                  stream,
                  revision: String(revision),
                  id,
                  type,
                  isJson,
                  created: String(created),
                  data: data.toString('base64'),
                  metadata: metadata.toString('base64'),
                }
                return `${JSON.stringify(line)}\n`
              })
              .join(''),
          )
        }
        yield `${JSON.stringify({ events: count, sha256: hash.digest('hex') } satisfies LastLine)}\n`
      }
      await pipeline(Readable.from(lines()), createGzip(), createWriteStream(unfinished, { mode: 0o600 }))
    })
    const handle = await open(unfinished, 'r+')
    await handle.sync()
    await handle.close()
    await rename(unfinished, file)
    return count
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/** So many events make one statement. */
const batchEvents = 200

/**
 * Brings a backup into an empty database, in one transaction: all of it is there afterwards, at its old positions, or nothing.
 *
 * @returns the number of events
 * @throws refused `event_store_node/not_empty`; malformed `event_store_node/backup_damaged`; unavailable
 *   `event_store_node/database_in_use` while a node runs on the database
 */
export const restore = async (databaseUrl: string, file: string): Promise<number> => {
  const client = new pg.Client(connectionConfig(databaseUrl, 'event store maintenance'))
  client.on('error', () => undefined) // the query that is under way fails as well
  await client.connect()
  try {
    await takeLock(client, 0)
    await createSchema(client)
    const { rowCount } = await client.query('select from event_store.events limit 1')
    if (rowCount !== 0)
      throw new Fault(
        'refused',
        'event_store_node/not_empty',
        'There are events in this database already: restore into an empty one, or into a new folder.',
      )
    await client.query('begin')
    const count = await restoreLines(client, file)
    await client.query('commit')
    return count
  } finally {
    await client.end().catch(() => undefined)
  }
}

const restoreLines = async (client: pg.Client, file: string): Promise<number> => {
  const hash = createHash('sha256')
  const streamIds = new Map<string, bigint>()
  let count = 0
  let newStreams: { id: bigint; name: string }[] = []
  let batch: RecordedEvent[] = []
  const flush = async (): Promise<void> => {
    const ids = batch.map(({ stream }) => streamIds.get(stream) ?? 0n)
    if (batch.length > 0) await insertEvents(client, { events: batch, streamIds: ids, newStreams })
    batch = []
    newStreams = []
  }
  let last: LastLine | undefined
  let isFirst = true
  for await (const line of linesOf(file)) {
    if (last) throw damaged('there are lines after its last one')
    const said = parsed(line)
    if (isFirst && (said.format !== format.format || said.version !== format.version))
      throw damaged('it is not a backup of an event store, or of a newer version')
    if (!isFirst && 'sha256' in said) {
      last = said as unknown as LastLine
      continue
    }
    hash.update(`${line}\n`)
    if (isFirst) {
      isFirst = false
      continue
    }
    const event = toEvent(said as EventLine)
    if (!streamIds.has(event.stream)) {
      const id = BigInt(streamIds.size + 1)
      streamIds.set(event.stream, id)
      newStreams.push({ id, name: event.stream })
    }
    batch.push(event)
    count++
    if (batch.length === batchEvents) await flush()
  }
  await flush()
  if (last?.events !== count || last.sha256 !== hash.digest('hex')) throw damaged('it is cut off, or was changed')
  return count
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const text = new PassThrough()
  const unpacking = pipeline(createReadStream(file), createGunzip(), text)
  unpacking.catch((error: unknown) => text.destroy(error as Error))
  try {
    yield* createInterface({ input: text, crlfDelay: Infinity })
    await unpacking
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('Z_')) throw damaged((error as Error).message)
    throw error
  }
}

const parsed = (line: string): Record<string, unknown> => {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    throw damaged('a line of it is not JSON')
  }
}

const toEvent = (line: EventLine): RecordedEvent => {
  try {
    return {
      position: BigInt(line.position),
      stream: line.stream,
      revision: BigInt(line.revision),
      id: line.id,
      type: line.type,
      isJson: line.isJson,
      created: BigInt(line.created),
      data: Buffer.from(line.data, 'base64'),
      metadata: Buffer.from(line.metadata, 'base64'),
    }
  } catch {
    throw damaged('a line of it is no event')
  }
}

const damaged = (what: string): Fault =>
  malformed('event_store_node/backup_damaged', `The backup cannot be used: ${what}. Nothing was restored.`)
