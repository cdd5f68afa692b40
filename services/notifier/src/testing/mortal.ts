import { notifierQueue, ownedBy, topologyFor, type Owner } from '@journey/contracts'
import {
  correlate,
  createConnection,
  createConsumer,
  createDeadLetterDrain,
  createPublisher,
  createBreaker,
  createBusMeters,
  pipeline,
  settle,
  stopPoison,
} from '@journey/messaging'
import { begunIn, createDatabase, keepDeadLetter } from '@journey/read-model'
import { createRegistry, inOrder, silentLog } from '@journey/runtime'

// A consumer as the services build theirs, whose handler is killed by one message. A process of its own for the specs.

const [amqpUrl = '', databaseUrl = '', deadly = ''] = process.argv.slice(2)
const owner: Owner = 'notifier'
const log = silentLog()
const database = createDatabase({ url: databaseUrl, name: 'mortal', log })
const connection = createConnection({
  url: amqpUrl,
  name: 'mortal',
  log,
  topology: ({ version }) => ownedBy(owner, topologyFor({ version, clustered: false })),
})
const publisher = createPublisher({ connection })
const meters = createBusMeters(createRegistry('mortal'))
const drain = createDeadLetterDrain({
  connection,
  prefetch: 10,
  keep: (letter) => keepDeadLetter(database.db, letter),
  now: () => new Date(),
  meters,
  log,
})
const consumer = createConsumer({
  connection,
  queue: notifierQueue,
  prefetch: 10,
  log,
  handler: pipeline(
    correlate(log),
    settle({ publisher, service: 'mortal', breaker: createBreaker({ name: 'mortal', log }) }),
    stopPoison(begunIn(database.db)),
    async (message) => {
      const text = message.body.toString()
      // The others are still at work when it dies.
      if (text === deadly) process.kill(process.pid, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 20))
      process.send?.(text)
    },
  ),
})
process.once('disconnect', () => process.exit()) // it does not outlive its spec
await inOrder('mortal', [connection, drain(notifierQueue), consumer]).start()
