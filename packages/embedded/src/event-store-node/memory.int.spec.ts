import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import {
  DeadlineExceededError,
  EventStoreDBClient,
  jsonEvent,
  UnavailableError,
  type StreamSubscription,
} from '@eventstore/db-client'
import { expect } from 'chai'
import { testDatabase } from '../testing/isolation.js'
import { freshStream } from './testing.js'

const main = fileURLToPath(new URL('main.js', import.meta.url))
const mebibyte = 2 ** 20

/** A node in a process of its own, so that its memory can be told from that of its clients. */
const nodeApart = async () => {
  const database = await testDatabase()
  const env = { ...process.env, EVENT_STORE_DATABASE_URL: database.url }
  const child = spawn(process.execPath, [main, '--port', '0'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  while (!output.includes('"msg":"started"')) await once(child.stdout, 'data')
  const url = /esdb:[^"]+/.exec(output)?.[0] ?? ''
  const health = `http://127.0.0.1:${/"healthPort":(\d+)/.exec(output)?.[1]}`
  const clients: EventStoreDBClient[] = []
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)]).toString()) / 1_024)
  }, 250)
  return {
    client: () => {
      const client = EventStoreDBClient.connectionString(url)
      clients.push(client)
      return client
    },
    /** The most MiB that the process has held so far. */
    peak: () => peak,
    /** A figure of the subscriptions to streams. */
    metric: async (name: string): Promise<number> => {
      const text = await (await fetch(`${health}/metrics`)).text()
      const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes('kind="stream"'))
      return Number(line?.split(' ').at(-1))
    },
    stop: async () => {
      clearInterval(timer)
      await Promise.all(clients.map((client) => client.dispose()))
      child.kill('SIGTERM')
      await once(child, 'close')
      await database.drop()
    },
  }
}

const thousand = (length: number) =>
  Array.from({ length: 1_000 }, () => jsonEvent({ type: 'Filled', data: { fill: 'x'.repeat(length) } }))

/** Resolves when a subscription or a read has given so many events. */
const given = (count: number, source: NodeJS.ReadableStream): Promise<void> =>
  new Promise((resolve, reject) => {
    let seen = 0
    source.on('data', () => {
      if (++seen === count) resolve()
    })
    source.on('error', reject)
  })

describe('the memory of an event store node', function () {
  this.timeout(600_000)
  let node: Awaited<ReturnType<typeof nodeApart>>
  before(async () => {
    node = await nodeApart()
  })
  after(() => node.stop())

  it('stays small while 100,000 events pass subscribers and readers that have stopped; others are not held up, and the slow lose nothing', async () => {
    const [stream, thousands] = [freshStream('passing'), 100]
    const writer = node.client()
    await writer.appendToStream(stream, thousand(600))
    const stopped = [
      node.client().subscribeToStream(stream) as NodeJS.ReadableStream,
      node.client().subscribeToAll() as NodeJS.ReadableStream,
      node.client().readStream(stream) as NodeJS.ReadableStream,
    ].map((source) => source.pause())
    const diligent = node.client().subscribeToStream(stream)
    const hasAll = given(thousands * 1_000, diligent as unknown as NodeJS.ReadableStream)
    for (let k = 1; k < thousands; k++) await writer.appendToStream(stream, thousand(600))
    await hasAll
    expect(node.peak(), 'MiB, where each stopped one has 80 MiB to get').to.be.below(350)
    expect(await node.metric('event_store_subscription_lag_events')).to.be.above(10_000)
    expect(await node.metric('event_store_subscription_lag_seconds')).to.be.above(0)

    const [slow, , reader] = stopped
    const all = Promise.all([given(thousands * 1_000, slow!), given(1_000, reader!)])
    slow!.resume()
    reader!.resume()
    await all
    expect(node.peak(), 'MiB').to.be.below(350)
    await diligent.unsubscribe()
    await (slow as unknown as StreamSubscription).unsubscribe()
  })

  it('stays bounded while 64 clients append large events at once', async () => {
    const [clients, each] = [64, 4]
    /** On a busy machine a deadline may pass; repeated under the same id, the event is stored once all the same. */
    const append = async (client: EventStoreDBClient, stream: string): Promise<void> => {
      const event = jsonEvent({ type: 'Large', data: { fill: 'x'.repeat(mebibyte / 4) } })
      for (;;) {
        const error: unknown = await client.appendToStream(stream, event).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        if (error === undefined) return
        if (!(error instanceof UnavailableError) && !(error instanceof DeadlineExceededError)) throw error as Error
      }
    }
    const streams = Array.from({ length: clients }, () => freshStream('large'))
    await Promise.all(
      streams.map(async (stream) => {
        const client = node.client()
        for (let k = 0; k < each; k++) await append(client, stream)
      }),
    )
    expect(node.peak(), 'MiB').to.be.below(500)
    const reader = node.client()
    for (const stream of streams) {
      let count = 0
      for await (const _ of reader.readStream(stream)) count++
      expect(count).to.equal(each)
    }
  })
})
