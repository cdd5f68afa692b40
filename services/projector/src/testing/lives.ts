import { randomUUID } from 'node:crypto'
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { exchanges, fromStored, ownedBy, topologyFor, type Recorded, type Stored } from '@journey/contracts'
import { testEventStoreUrl, testVhost } from '@journey/embedded/testing'
import { createEventStore, type EventStore } from '@journey/event-store'
import { createConnection } from '@journey/messaging'
import { openTestBroker } from '@journey/messaging/testing'
import { createDatabase, relayProofs, type Database } from '@journey/read-model'
import { logOf, testReadModel, type Move } from '@journey/read-model/testing'
import { silentLog } from '@journey/runtime'
import { publicationOf, stored } from './events.js'

const program = fileURLToPath(new URL('mortal.js', import.meta.url))

/** Each life takes the start of a process, on a busy machine some seconds. */
export const limitMs = 120_000

/** A projector of many lives, on servers of its own, and the histories that it is to apply. */
export type Lives = {
  db: Database['db']
  store: EventStore
  events: readonly Stored[]
  recorded: readonly Recorded[]
  /** The stream of a client of the moves. */
  streamOf: (client: number) => string
  publish: (events: readonly Stored[]) => Promise<void>
  /** Starts it, and again each time that it dies, once `died` is through. The arguments are those of `mortal.ts`. */
  begin: (args: readonly string[], died: (signal: NodeJS.Signals | null) => unknown) => void
}

export const withLives = async (moves: readonly Move[], use: (lives: Lives) => Promise<void>): Promise<void> => {
  const [own, vhost] = await Promise.all([testReadModel(), testVhost()])
  const log = silentLog()
  const database = createDatabase({ url: own.url, name: 'spec', log })
  const store = createEventStore({ url: testEventStoreUrl(), log })
  const name = `lives-${randomUUID()}`
  const events = await stored(store, logOf(moves, name))
  const proofs = await relayProofs(database.db)()
  // Stands before the first event, as the relay sees to it.
  const declaring = createConnection({
    url: vhost.url,
    name: 'spec',
    log,
    topology: ({ version }) => ownedBy('projector', topologyFor({ version, clustered: false }, { projectorQueues: 1 })),
  })
  await declaring.start()
  const broker = await openTestBroker(vhost.url)
  let child: ChildProcess | undefined
  const over = new AbortController()
  /** A function, since the compiler does not know that a signal changes while one waits. */
  const isGoingOn = () => !over.signal.aborted
  const live = async (...[args, died]: Parameters<Lives['begin']>): Promise<void> => {
    while (isGoingOn()) {
      child = fork(program, [vhost.url, own.url, testEventStoreUrl(), ...args])
      const signal = await new Promise<NodeJS.Signals | null>((resolve) => child!.once('exit', (_, by) => resolve(by)))
      if (isGoingOn()) await died(signal)
    }
  }
  let living: Promise<void> | undefined
  try {
    await use({
      db: database.db,
      store,
      events,
      recorded: events.flatMap((event) => fromStored(event) ?? []),
      streamOf: (client) => `journey-${name}-${client}`,
      publish: async (some) => {
        for (const event of some) {
          const { key, body, properties } = publicationOf(event, proofs)
          await broker.publish(exchanges.events.name, key, body, properties)
        }
      },
      begin: (args, died) => {
        living = live(args, died)
      },
    })
  } finally {
    over.abort()
    child?.kill('SIGKILL')
    await living
    await Promise.all([broker.close(), declaring.stop(), database.stop(), store.stop()])
    await Promise.all([own.drop(), vhost.drop()])
  }
}
