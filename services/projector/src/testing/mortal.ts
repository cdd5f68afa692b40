import { ownedBy, projectorQueue, standingOf, topologyFor } from '@journey/contracts'
import { createEventStore } from '@journey/event-store'
import { createBatchConsumer, createConnection } from '@journey/messaging'
import {
  applySlice,
  createDatabase,
  deathsOf,
  forgetBegun,
  noteBegun,
  parkUntried,
  readModelConsumer,
  relayProofs,
  takeBackBegun,
} from '@journey/read-model'
import { inOrder, silentLog } from '@journey/runtime'
import { createProjector } from '../projector.js'
import { createApply } from '../suspects.js'

// A projector of one queue, which the events of one stream kill, at once or after so many transactions with some of them, and which
// heals gaps in slices of so many events. A process of its own for the specs.

const [amqpUrl = '', databaseUrl = '', eventStoreUrl = '', deadly = '', survived = '0', slice] = process.argv.slice(2)
const service = 'projector'
const log = silentLog()
const { db } = createDatabase({ url: databaseUrl, name: 'mortal', log })
const store = createEventStore({ url: eventStoreUrl, log })
const real = readModelConsumer(db, store)
let seen = 0
const consumer: typeof real = {
  ...real,
  ...(slice !== undefined && { slice: { events: Number(slice), weight: Infinity } }),
  project: async (transaction, events) => {
    const steps = await real.project(transaction, events)
    if (events.some(({ stream }) => stream === deadly) && seen++ === Number(survived))
      process.kill(process.pid, 'SIGKILL')
    return steps
  },
}
const connection = createConnection({
  url: amqpUrl,
  name: 'mortal',
  log,
  topology: ({ version }) => ownedBy(service, topologyFor({ version, clustered: false }, { projectorQueues: 1 })),
})
const handle = createProjector({
  apply: createApply({
    apply: (batch) => applySlice(consumer, batch),
    park: (stream, events, why) => parkUntried(consumer, stream, events, why),
    begun: {
      deaths: (streams) => deathsOf(db, service, streams),
      note: (streams) => noteBegun(db, service, streams),
      takeBack: (streams) => takeBackBegun(db, service, streams),
      forget: (streams) => forgetBegun(db, service, streams),
    },
  }),
  proofs: relayProofs(db),
  standing: (claimed) => standingOf((stream, range) => store.read(stream, range), claimed),
  deadLetter: () => Promise.reject(new Error('there is nothing unreadable')),
  resolved: () => Promise.resolve(),
  meters: { applied: () => undefined, unreadable: () => undefined, unproven: () => undefined },
  service,
  now: () => new Date(),
  log,
})
const queue = createBatchConsumer({
  connection,
  queue: projectorQueue(0),
  prefetch: 40,
  maxBatch: 20,
  lingerMs: 20,
  handle,
  log,
})
process.once('disconnect', () => process.exit()) // it does not outlive its spec
await inOrder('mortal', [connection, queue]).start()
