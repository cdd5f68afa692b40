import { randomUUID } from 'node:crypto'
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { exchanges, fromStored, ownedBy, topologyFor } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import { createConnection } from '@journey/messaging'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import { appliedRevision, createDatabase, parkedStreams, relayProofs } from '@journey/read-model'
import { actualRows, expectedRows, logOf, testReadModel, type Move } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { publicationOf, stored } from './testing/events.js'

const program = fileURLToPath(new URL('testing/mortal.js', import.meta.url))
/** Each life takes the start of a process, on a busy machine some seconds. */
const limitMs = 120_000

const moves: Move[] = [
  { client: 0, action: 'start', pick: 1 },
  ...Array.from({ length: 39 }, (_, n): Move => ({ client: 0, action: n % 2 === 0 ? 'hold' : 'release', pick: n })),
  { client: 1, action: 'start', pick: 1 },
]

describe('a projector that is killed while it heals a gap', () => {
  it('goes on where it was, and does nothing twice', async () => {
    const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
    const log = silentLog()
    const database = createDatabase({ url: own.url, name: 'spec', log })
    const { db } = database
    const store = createEventStore({ url: testEventStoreUrl(), log })
    const name = `gap-${randomUUID()}`
    const events = await stored(store, logOf(moves, name))
    const [deep, other] = [`journey-${name}-0`, `journey-${name}-1`]
    const proofs = await relayProofs(db)()
    // Stands before the first event, as the relay sees to it.
    const declaring = createConnection({
      url: vhost.url,
      name: 'spec',
      log,
      topology: ({ version }) =>
        ownedBy('projector', topologyFor({ version, clustered: false }, { projectorQueues: 1 })),
    })
    await declaring.start()
    const broker = await openTestBroker(vhost.url)
    for (const event of [events.findLast(({ stream }) => stream === deep)!, events.at(-1)!]) {
      const { key, body, properties } = publicationOf(event, proofs)
      await broker.publish(exchanges.events.name, key, body, properties)
    }

    const reached: number[] = []
    let isOver = false
    let child: ChildProcess | undefined
    const live = (): void => {
      child = fork(program, [vhost.url, own.url, testEventStoreUrl(), deep, '1', '20'])
      child.once('exit', () => {
        if (isOver) return
        void appliedRevision(db, 'projector', deep).then((revision) => {
          reached.push(revision)
          live()
        })
      })
    }
    live()

    const recorded = events.flatMap((event) => fromStored(event) ?? [])
    await eventually('the last event', async () => (await appliedRevision(db, 'projector', deep)) === 39, limitMs)
    await eventually('the other stream', async () => (await appliedRevision(db, 'projector', other)) === 0, limitMs)
    isOver = true
    child!.kill('SIGKILL')
    expect(reached).to.deep.equal([19])
    expect(await parkedStreams(db, 'projector')).to.deep.equal([])
    expect(await actualRows(db)).to.deep.equal(expectedRows(recorded))
    await Promise.all([broker.close(), declaring.stop(), database.stop(), store.stop()])
    await Promise.all([own.drop(), vhost.drop()])
  }).timeout(2 * limitMs)
})
