import type pg from 'pg'
import { columnTypes } from '../postgres-session.js'
import { onConnection } from '../../postgres/databases.js'

/** A row of the log as it is stored. The name is missing when the stream's own row is. */
export type StoredEvent = readonly [
  position: bigint,
  streamId: bigint,
  stream: string | null,
  revision: bigint,
  id: string,
  type: string,
  isJson: boolean,
  created: bigint,
  data: Buffer,
  metadata: Buffer,
]

/** One connection that sees the log as it was when this began, whatever the node writes meanwhile. Nothing is locked. */
export const onSnapshot = <T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  onConnection(databaseUrl, async (client) => {
    await client.query('begin isolation level repeatable read, read only')
    return work(client)
  })

/** An event has 1 MiB at most, so this bounds the memory too. */
const pageRows = 200

/** The rows of the log in the order named, page by page. */
export async function* storedEvents(
  client: pg.Client,
  order: 'position' | 'stream_id, revision',
): AsyncGenerator<StoredEvent[]> {
  await client.query(`
    declare walk no scroll cursor for
    select position, stream_id, (select name from event_store.streams where id = stream_id), revision, event_id, type,
           is_json, created, data, metadata
    from event_store.events order by ${order}`)
  for (;;) {
    const { rows } = await client.query({ text: `fetch ${pageRows} from walk`, rowMode: 'array', types: columnTypes })
    if (rows.length === 0) break
    yield rows as unknown as StoredEvent[]
  }
  await client.query('close walk')
}
