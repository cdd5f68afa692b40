import { randomUUID } from 'node:crypto'
import { START } from '@eventstore/db-client'
import { events as someEvents } from './events.mjs'
import { counted, line, ratio, whole } from './figures.mjs'

export const about =
  'a read of $all and a catch-up subscription to it from its start, beside a bare cursor over the same rows'

/** @returns figures of each way to read the whole log, and the node's memory after them */
export const measure = async ({ servers, client, pool, options: { events }, progress }) => {
  await fill(client, pool, events, progress)
  progress('reading by a cursor')
  const cursor = await counted(() => readByCursor(pool))
  progress('reading $all')
  const all = await counted(() => readAll(client))
  progress('catching up')
  const catchUp = await counted(() => catchUpWith(client))
  return { events, cursor, all, catch_up: catchUp, memory_mib: servers.memoryMib() }
}

const fill = async (client, pool, events, progress) => {
  const { rows } = await pool.query('select count(*)::int as count from event_store.events')
  const atOnce = 500
  let missing = events - rows[0].count
  const append = async () => {
    const stream = `bench-${randomUUID()}`
    while (missing > 0) {
      const size = Math.min(atOnce, missing)
      if (missing % 100_000 < atOnce) progress(`writing events to read, ${whole(missing)} to go`)
      missing -= size
      await client.appendToStream(stream, someEvents(size))
    }
  }
  await Promise.all([append(), append(), append(), append()])
  await pool.query('analyze event_store.events')
}

const readByCursor = async (pool) => {
  const connection = await pool.connect()
  let count = 0
  try {
    await connection.query('begin')
    await connection.query(
      `declare walk cursor for select e.*, s.name from event_store.events e join event_store.streams s on s.id = stream_id
       order by position`,
    )
    for (;;) {
      const { rows } = await connection.query('fetch 500 from walk')
      if (rows.length === 0) return count
      count += rows.length
    }
  } finally {
    await connection.query('rollback')
    connection.release()
  }
}

const readAll = async (client) => {
  let count = 0
  for await (const { event } of client.readAll()) if (event) count++
  return count
}

const catchUpWith = async (client) => {
  let count = 0
  const subscription = client.subscribeToAll({ fromPosition: START })
  await new Promise((caughtUp, failed) => {
    subscription.on('error', failed)
    subscription.on('caughtUp', caughtUp)
    subscription.on('data', () => count++)
  })
  await subscription.unsubscribe()
  return count
}

export const told = ({ events, cursor, all, catch_up: catchUp, memory_mib: memory }) => {
  const read = (what, { rate }) => line(what, whole(rate), ratio(rate, cursor.rate))
  return [
    line(`reading ${whole(events)} events`, 'events/s', 'ratio'),
    line('bare pg cursor', whole(cursor.rate)),
    read('$all', all),
    read('catch-up subscription to $all', catchUp),
    `  the node holds ${memory.now} MiB after it, ${memory.peak} MiB at most`,
  ]
}
