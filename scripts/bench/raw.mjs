// The baseline: what the journeys made the three servers carry, carried again without anything of ours in between, by one
// client, with the services stopped. It is the floor of the machine for this much work, one server after another.
import amqp from 'amqplib'
import pg from 'pg'
import { randomUUID } from 'node:crypto'
import { createEventStore } from '@journey/event-store'
import { silentLog } from '@journey/runtime'

/** As many clients at once as the services keep streams and connections busy. */
const atOnce = 10

const timed = async (work) => {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

/** Runs the work for every item, so many at a time. */
const forEachOf = async (items, many, work) => {
  const left = items[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: many }, async () => {
      for (const item of left) await work(item)
    }),
  )
}

/** Every stream again under another name: the same events in the same appends. */
const append = async (url, events) => {
  const store = createEventStore({ url, log: silentLog() })
  const streams = new Map()
  for (const event of events) {
    const appends = streams.get(event.stream) ?? new Map()
    streams.set(event.stream, appends.set(event.causation_id, [...(appends.get(event.causation_id) ?? []), event]))
  }
  const seconds = await timed(() =>
    forEachOf(streams, atOnce, async ([stream, appends]) => {
      let expected = 'no_stream'
      for (const batch of appends.values()) {
        const news = batch.map(({ event_type: type, data }) => ({ id: randomUUID(), type, data, metadata: {} }))
        expected = (await store.append(`bench-${stream}`, expected, news)).revision
      }
    }),
  )
  await store.stop()
  return seconds
}

/** Every message through one durable queue: published persistent and confirmed, consumed and acknowledged. */
const carry = async (url, bodies) => {
  const connection = await amqp.connect(url)
  const channel = await connection.createConfirmChannel()
  const { queue } = await channel.assertQueue('bench', { durable: true, arguments: { 'x-queue-type': 'classic' } })
  await channel.prefetch(atOnce * 10)
  const seconds = await timed(async () => {
    let acknowledged = 0
    const all = new Promise((resolve) => {
      void channel.consume(queue, (message) => {
        channel.ack(message)
        if (++acknowledged === bodies.length) resolve()
      })
    })
    for (const body of bodies)
      if (!channel.sendToQueue(queue, body, { persistent: true })) await new Promise((on) => channel.once('drain', on))
    await channel.waitForConfirms()
    await all
  })
  await connection.close()
  return seconds
}

/** Every row into one table with a key, each in a transaction of its own. */
const insert = async (url, bodies) => {
  const pool = new pg.Pool({ connectionString: url, max: atOnce })
  await pool.query('create table bench_rows (id bigint primary key, body jsonb not null)')
  const statement = { name: 'bench', text: 'insert into bench_rows values ($1, $2)' }
  const seconds = await timed(() =>
    forEachOf(bodies.entries(), atOnce, ([id, body]) => pool.query({ ...statement, values: [id, body.toString()] })),
  )
  await pool.end()
  return seconds
}

/** @param work the events of the journeys, and the bodies of all messages and rows they came with */
export const rawSeconds = async ({ amqp: amqpUrl, database, event_store }, { events, messages, rows }) => ({
  append_seconds: await append(event_store, events),
  carry_seconds: await carry(amqpUrl, messages),
  insert_seconds: await insert(database, rows),
})
