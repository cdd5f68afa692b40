import { EventStoreDBClient, NO_STREAM } from '@eventstore/db-client'
import { silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { ensureDatabase } from '../postgres/databases.js'
import { createPostgres } from '../postgres/postgres.js'
import { createEventStoreProcess } from '../stack/event-store.js'
import { testStateFolder } from '../testing/state-folder.js'
import { anEvent, collect, freshStream } from './testing.js'

/** A PostgreSQL that waits for its disk, and a node as a process; both are started again when they die. */
const setup = async () => {
  const { stateDir, ports, remove } = testStateFolder()
  const log = silentLog()
  const postgres = createPostgres({ stateDir, port: await ports.of('postgres'), log })
  await postgres.start()
  const databaseUrl = await ensureDatabase(postgres.url(), 'event_store')
  const [port, healthPort] = [await ports.of('event_store'), await ports.of('event_store_health')]
  const node = createEventStoreProcess({ stateDir, port, healthPort, databaseUrl, log })
  await node.start()
  const client = EventStoreDBClient.connectionString(node.url())
  const stop = async (): Promise<void> => {
    await client.dispose()
    await node.stop()
    await postgres.stop()
    await remove()
  }
  return { client, node, postgres, stop }
}

const writers = 16

describe('an event store node that is killed, and its PostgreSQL with it', function () {
  this.timeout(120_000)
  let stopIt = (): Promise<void> => Promise.resolve()
  after(() => stopIt())

  it('keeps every answered append exactly once, none twice, and leaves no hole', async () => {
    const { client, node, postgres, stop } = await setup()
    stopIt = stop
    /** Event id → the place it was answered with. */
    const ledger = new Map<string, { stream: string; revision: bigint }>()
    /** gRPC status codes */
    const errors = new Set<number | string>()
    let isOver = false
    let onAnswer = (): void => undefined

    /** Appends under the same id until it is answered, as a client must that wants its event stored. */
    const append = async (stream: string, expectedRevision: 'any' | 'no_stream' | bigint): Promise<bigint> => {
      const event = anEvent('x')
      for (;;) {
        try {
          const { nextExpectedRevision } = await client.appendToStream(stream, event, { expectedRevision })
          ledger.set(event.id, { stream, revision: nextExpectedRevision })
          onAnswer()
          return nextExpectedRevision
        } catch (error) {
          errors.add((error as { code?: number }).code ?? String(error))
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    }
    const shared = freshStream('shared')
    const write = async (_: unknown, writer: number): Promise<void> => {
      const own = freshStream(`own-${writer}`)
      let last: bigint | undefined
      while (!isOver)
        if (writer % 2 === 0) await append(shared, 'any')
        else last = await append(own, last ?? NO_STREAM)
    }
    const answered = async (more: number): Promise<void> => {
      const enough = ledger.size + more
      while (ledger.size < enough) await new Promise<void>((resolve) => (onAnswer = resolve))
    }
    const kill = (...processes: { pid(): number | undefined }[]): void => {
      for (const process_ of processes) {
        const pid = process_.pid()
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      }
    }

    const writing = Promise.all(Array.from({ length: writers }, write))
    for (const victims of [[node], [postgres], [node], [node, postgres], [postgres]]) {
      await answered(300)
      kill(...victims)
    }
    await answered(300)
    isOver = true
    await writing

    const log = await collect(client.readAll())
    const ours = log.flatMap(({ event }) => (event && /^(shared|own)-/.test(event.streamId) ? [event] : []))
    expect(ours, 'each writer had every event answered in the end').to.have.lengthOf(ledger.size)
    expect(new Set(ours.map(({ id }) => id)).size, 'ids stored').to.equal(ledger.size)
    for (const { id, streamId, revision } of ours) expect({ stream: streamId, revision }).to.deep.equal(ledger.get(id))
    const ends = new Map<string, bigint>()
    for (const { streamId, revision } of ours) {
      expect(revision, streamId).to.equal((ends.get(streamId) ?? -1n) + 1n)
      ends.set(streamId, revision)
    }
    expect(errors, 'all that clients saw').to.deep.equal(new Set([14])) // UNAVAILABLE
    expect([node.restarts(), postgres.restarts()].every((count) => count > 0)).to.equal(true)
  })
})
