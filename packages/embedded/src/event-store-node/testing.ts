import { randomUUID } from 'node:crypto'
import { EventStoreDBClient, jsonEvent, type JSONEventData } from '@eventstore/db-client'
import { testDatabase } from '../testing/isolation.js'
import { createEventStoreNode } from './event-store-node.js'

/** A node of its own on an empty database of its own, with the real client; `stop()` leaves nothing behind. */
export const testNode = async () => {
  const database = await testDatabase()
  const node = createEventStoreNode({ host: '127.0.0.1', port: 0, databaseUrl: database.url })
  await node.start()
  const url = `esdb://127.0.0.1:${node.address().port}?tls=false`
  const client = EventStoreDBClient.connectionString(url)
  const stop = async (): Promise<void> => {
    await client.dispose()
    await node.stop()
    await database.drop()
  }
  return { client, url, node: node, databaseUrl: database.url, stop }
}

export const freshStream = (prefix = 'order'): string => `${prefix}-${randomUUID()}`

/** An event whose data says `k`. */
export const anEvent = (k: string, id: string = randomUUID()): JSONEventData =>
  jsonEvent({ id, type: 'Tested', data: { k } })

export const events = (...ks: string[]): JSONEventData[] => ks.map((k) => anEvent(k))

type Resolved = { event?: { data: unknown; revision: bigint; type: string } | undefined }

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** `k#revision` of each event, or the type where there is no `k`. */
export const brief = async (answers: AsyncIterable<Resolved>): Promise<string[]> => {
  return (await collect(answers)).flatMap(({ event }) => (event ? [labelOf(event)] : []))
}

export const labelOf = ({ data, revision, type }: NonNullable<Resolved['event']>): string =>
  `${(data as { k?: string } | undefined)?.k ?? type}#${revision}`

/** The name and message of what a call rejects with. */
export const failureOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'no failure',
    (error: unknown) => (error instanceof Error ? error.constructor.name : String(error)),
  )
