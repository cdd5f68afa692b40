import { randomUUID } from 'node:crypto'
import { body, events } from './events.mjs'
import { line, medianOf, ratio, repeated, whole } from './figures.mjs'

export const about = 'appends of one and of ten events by 1, 16 and 64 clients, beside bare inserts of the same rows'

const clientCounts = [1, 16, 64]
const sizes = [1, 10]

/** @returns per number of clients and of events: the figures of bare pg, of the node, and of the node by those of bare pg */
export const measure = async ({ client, pool, options: { seconds, rounds }, progress }) => {
  const insert = await inserts(pool)
  const append = (size) => {
    const streams = Array.from({ length: Math.max(...clientCounts) }, () => `bench-${randomUUID()}`)
    return (n) => client.appendToStream(streams[n], events(size))
  }
  progress('warming up')
  await repeated(64, seconds, insert(1)) // every connection is open, and all code is warm
  await repeated(64, seconds, append(1))
  const figures = []
  for (const clients of clientCounts)
    for (const size of sizes) {
      const [bare, node] = [[], []]
      for (let round = 1; round <= rounds; round++) {
        progress(`appends of ${size}, ${clients} at once, round ${round} of ${rounds}`)
        bare.push(await repeated(clients, seconds, insert(size)))
        node.push(await repeated(clients, seconds, append(size)))
      }
      const [bareMedian, median] = [medianOf(bare), medianOf(node)]
      const ratios = { rate: ratio(median.rate, bareMedian.rate), p50: ratio(median.p50_ms, bareMedian.p50_ms) }
      figures.push({ clients, events: size, bare: bareMedian, node: median, ratio: ratios })
    }
  return figures
}

/** The rows that the node writes for these events, into a table of the same columns and indexes, in one statement. */
const inserts = async (pool) => {
  await pool.query('create table bench_rows (like event_store.events including all)')
  await pool.query('create sequence bench_positions owned by bench_rows.position')
  let streams = 0
  return (size) => {
    const row = (n) =>
      `(nextval('bench_positions'), ${[1, 2, 3, 4, 5, 6, 7, 8].map((p) => `$${n * 8 + p}`).join(', ')})`
    const text = `insert into bench_rows (position, stream_id, revision, event_id, is_json, created, type, data, metadata)
      values ${Array.from({ length: size }, (_, n) => row(n)).join(', ')}`
    const ends = Array.from({ length: Math.max(...clientCounts) }, () => ({ id: ++streams, next: 0 }))
    const none = Buffer.alloc(0)
    return (n) => {
      const end = ends[n]
      const created = `${Date.now()}0000`
      const valuesOf = () => [
        end.id,
        end.next++,
        randomUUID(),
        true,
        created,
        'Benched',
        Buffer.from(JSON.stringify(body())),
        none,
      ]
      return pool.query({ name: `insert ${size}`, text, values: Array.from({ length: size }, valuesOf).flat() })
    }
  }
}

export const told = (figures) => [
  line('appends', 'events/s', 'ratio', 'p50 ms', 'ratio', 'p99 ms'),
  ...figures.flatMap(({ clients, events: size, bare, node, ratio: to }) => {
    const what = `of ${size} by ${clients}`
    return [
      line(`${what}, bare pg`, whole(bare.rate * size), '', bare.p50_ms, '', bare.p99_ms),
      line(`${what}`, whole(node.rate * size), to.rate, node.p50_ms, to.p50, node.p99_ms),
    ]
  }),
]
