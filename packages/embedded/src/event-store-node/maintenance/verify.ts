import { isUtf8 } from 'node:buffer'
import type pg from 'pg'
import { lastRevision } from '../recorded-event.js'
import { onSnapshot, storedEvents, type StoredEvent } from './stored-event.js'

/** One thing that is wrong with what is stored. */
export type Finding = {
  kind: 'hole' | 'wrong_order' | 'bad_json' | 'nameless_stream' | 'empty_stream' | 'time_falls'
  /** What was found, and where. */
  message: string
}

export type Verified = { events: number; streams: number; findings: number }

/**
 * Walks every stream and the log, and tells of each thing that a node would never write: a hole in a stream's revisions or in
 * the log's positions, a stream whose order is not the log's, times that fall, events without a stream and streams without
 * events. JSON that does not parse is told too, though a node takes it as EventStoreDB does: its writer was wrong.
 *
 * A node may run meanwhile; what it writes after the beginning is not looked at. Memory is bounded.
 */
export const verify = (databaseUrl: string, found: (finding: Finding) => void): Promise<Verified> =>
  onSnapshot(databaseUrl, async (client) => {
    let events = 0
    let streams = 0
    let findings = 0
    const tell = (finding: Finding): void => {
      findings++
      found(finding)
    }
    let before: StoredEvent | undefined
    for await (const page of storedEvents(client, 'stream_id, revision'))
      for (const event of page) {
        const isFirst = before?.[1] !== event[1]
        events++
        if (isFirst) streams++
        for (const finding of inStream(event, isFirst ? undefined : before)) tell(finding)
        before = event
      }
    for (const finding of await inLog(client)) tell(finding)
    return { events, streams, findings }
  })

/** What is wrong with an event after the one before it in its stream. */
const inStream = (event: StoredEvent, before: StoredEvent | undefined): Finding[] => {
  const [position, streamId, stream, revision, , type, isJson, , data] = event
  const place = `${stream ?? `stream ${streamId}`} revision ${revision} (${type}, position ${position})`
  const findings: Finding[] = []
  const expected = before ? before[3] + 1n : 0n
  if (!before && stream === null)
    findings.push({ kind: 'nameless_stream', message: `${place}: no stream has the id ${streamId}` })
  if (revision !== expected && revision !== lastRevision)
    findings.push({ kind: 'hole', message: `${place}: revision ${expected} should come first` })
  if (before && position <= before[0])
    findings.push({ kind: 'wrong_order', message: `${place}: the revision before it has position ${before[0]}` })
  if (isJson && !isParsable(data)) findings.push({ kind: 'bad_json', message: `${place}: its data is not JSON` })
  return findings
}

const isParsable = (data: Buffer): boolean => {
  if (!isUtf8(data)) return false
  try {
    JSON.parse(data.toString('utf8'))
    return true
  } catch {
    return false
  }
}

/** What only shows in the order of the log. At most so many of each kind are told. */
const mostOfAKind = 1_000

const inLog = async (client: pg.Client): Promise<Finding[]> => {
  const { rows } = await client.query<Finding>(
    `(select 'hole' as kind, format('the log: positions %s to %s are missing', before + 1, position - 1) as message
      from (select position, lag(position, 1, 0::bigint) over (order by position) as before from event_store.events) as walk
      where position <> before + 1 order by position limit $1)
     union all
     (select 'time_falls', format('the log: position %s was written before position %s', position, position - 1)
      from (select position, created, lag(created) over (order by position) as before from event_store.events) as walk
      where created < before order by position limit $1)
     union all
     (select 'empty_stream', format('%s: the stream has no events', name) from event_store.streams
      where not exists (select from event_store.events where stream_id = id) order by id limit $1)`,
    [mostOfAKind],
  )
  return rows
}
