import { randomUUID } from 'node:crypto'
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'chai'
import { exchanges, fromStored, ownedBy, topologyFor } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore } from '@journey/event-store'
import { createConnection } from '@journey/messaging'
import { eventually, openTestBroker } from '@journey/messaging/testing'
import { createDatabase, findDeadLetters, readModelConsumer, relayProofs, retryParked } from '@journey/read-model'
import { actions, actualRows, expectedRows, logOf, testReadModel, type Move } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { publicationOf, stored } from './testing/events.js'

const program = fileURLToPath(new URL('testing/mortal.js', import.meta.url))
/** Each life takes the start of a process, on a busy machine some seconds. */
const limitMs = 120_000

const moves = Array.from({ length: 60 }, (_, n): Move => ({
  client: n % 4,
  action: n < 4 ? 'start' : actions[(n * 31) % actions.length]!,
  pick: n % 17,
}))

describe('a stream that kills the projector', () => {
  it('is put aside as poison after five deaths, alone, and freed by a retry', async () => {
    const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
    const log = silentLog()
    const database = createDatabase({ url: own.url, name: 'spec', log })
    const { db } = database
    const store = createEventStore({ url: testEventStoreUrl(), log })
    const name = `poison-${randomUUID()}`
    const events = await stored(store, logOf(moves, name))
    const proofs = await relayProofs(db)()
    const deadly = `journey-${name}-2`
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
    for (const event of events) {
      const { key, body, properties } = publicationOf(event, proofs)
      await broker.publish(exchanges.events.name, key, body, properties)
    }
    let deaths = 0
    let isOver = false
    let child: ChildProcess | undefined
    const live = (): void => {
      child = fork(program, [vhost.url, own.url, testEventStoreUrl(), deadly])
      child.once('exit', (_, signal) => {
        if (isOver) return
        if (signal === 'SIGKILL') deaths++
        live()
      })
    }
    live()

    const lastOf = (stream: string) => events.filter((event) => event.stream === stream).at(-1)!.revision
    const recorded = events.flatMap((event) => fromStored(event) ?? [])
    const mine = recorded.filter(({ event: { data } }) => 'client_id' in data && data.client_id === `${name}-2`)
    const others = expectedRows(recorded.filter((event) => !mine.includes(event)))
    await eventually(
      'the parked stream',
      () =>
        db
          .selectFrom('parked_streams')
          .selectAll()
          .where('code', '=', 'projection/poison')
          .where('last_seen', '=', lastOf(deadly)) // what comes after its retry would kill again
          .executeTakeFirst(),
      limitMs,
    )
    const isThere = async () => {
      const actual = await actualRows(db)
      return others.journey_states.every((row) => actual.journey_states.includes(row))
    }
    await eventually('all others', isThere, limitMs)
    expect(deaths).to.equal(6)
    const entries = await findDeadLetters(db, { limit: 100 })
    const found = entries.filter(({ reason }) => reason === 'poison')
    expect(found.map(({ id, state, code }) => [id, state, code])).to.deep.equal([
      [`parked:projector:${deadly}`, 'open', 'projection/poison'],
    ])
    await retryParked(readModelConsumer(db, store), deadly)
    const expected = expectedRows(recorded)
    await eventually('all rows', async () => isDeepStrictEqual(await actualRows(db), expected), limitMs).finally(() => {
      isOver = true
      child!.kill('SIGKILL')
    })
    await Promise.all([broker.close(), declaring.stop(), database.stop(), store.stop()])
    await Promise.all([own.drop(), vhost.drop()])
  }).timeout(2 * limitMs)
})
